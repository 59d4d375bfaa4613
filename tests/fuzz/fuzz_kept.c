/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent keeps, read back from octets that may be any: the settings file, totals, states, users, contacts and
 * keys. It is refused, or it is the same after it was written and read again. The first octet chooses which; with bit 7
 * the lengths and checksums in it are put right, so that not all of it is refused for them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/controls_file.h"
#include "agent/registry_codec.h"
#include "agent/store_codec.h"
#include "tests/unit/scratch.h"

enum { KEPT_MAX = 64 << 10, MEND = 128, HEAD_OCTETS = 16, REGISTRY_MEND_LEAST = 5 };

enum { SETTINGS, TOTALS, STATE, USER, CONTACT }; /* and keys */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[PATH_MAX];
static int dir_fd = -1;

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
clean_up(void)
{
    close(dir_fd);
    scratch_remove(dir);
}

/* ---- the settings file ------------------------------------------------------------------------------------------ */

static struct controls_lines *
settings_read(void)
{
    struct controls_lines *lines = NULL;
    struct err e;
    int rc = controls_file_read(dir_fd, &lines, &e);

    must(rc == 0 || rc == -EBADMSG || rc == -EPROTONOSUPPORT);
    must((rc == 0) == (lines != NULL));
    return lines;
}

static void
try_settings(const uint8_t *data, size_t size)
{
    struct controls_lines *lines, *again;
    struct err e;
    bool was_replaced;
    int fd = openat(dir_fd, CONTROLS_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    must(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
    lines = settings_read();
    if (lines == NULL)
        return;
    must(lines->count <= CONTROLS_LINES_MAX);
    for (size_t i = 0; i < lines->count; i++)
        must(controls_lines_find(lines, lines->line[i].name) == &lines->line[i]);
    must(controls_file_write(dir_fd, lines, &was_replaced, &e) == 0 && was_replaced);
    again = settings_read();
    must(again != NULL && again->count == lines->count);
    for (size_t i = 0; i < lines->count; i++)
        must(strcmp(lines->line[i].name, again->line[i].name) == 0 &&
             lines->line[i].notify_enable == again->line[i].notify_enable);
    free(lines);
    free(again);
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

/* Magic, octets, checksum of what follows: all values of the store begin like this. */
static void
mend_head(uint8_t *value, size_t octets)
{
    uint32_t length = (uint32_t)octets;
    uint64_t checksum;

    if (octets < HEAD_OCTETS)
        return;
    checksum = store_checksum(value + HEAD_OCTETS, octets - HEAD_OCTETS);
    memcpy(value + 4, &length, sizeof(length));
    memcpy(value + 8, &checksum, sizeof(checksum));
}

static void
try_totals(const uint8_t *data, size_t size)
{
    struct tally t, back;
    struct err e;
    uint8_t *once, *twice;
    size_t once_octets, twice_octets;

    must(tally_init(&t, &e) == 0);
    if (totals_decode(&t, data, size, &e) == 0) {
        must(tally_init(&back, &e) == 0);
        must(t.methods <= TALLY_METHODS && t.cells <= TALLY_CELLS && t.words <= TALLY_WORDS);
        must(totals_encode(&t, &once, &once_octets, &e) == 0);
        must(totals_decode(&back, once, once_octets, &e) == 0);
        must(totals_encode(&back, &twice, &twice_octets, &e) == 0);
        must(once_octets == twice_octets && memcmp(t.counters, back.counters, sizeof(t.counters)) == 0);
        free(once);
        free(twice);
        tally_fini(&back);
    }
    tally_fini(&t);
}

static void
try_state(const uint8_t *data, size_t size)
{
    static const uint8_t boot_id[BOOT_ID_OCTETS] = "boot";
    struct instance_state state, again;
    struct state_value value;
    struct err e;

    if (state_decode(&state, boot_id, 1000, data, size, &e) != 0)
        return;
    must(state.oper_status >= OPER_UNKNOWN && state.oper_status <= OPER_TESTING);
    must(state.discon_ns <= 1000 && state.start_ns <= 1000 && state.last_change_ns <= 1000);
    state_encode(&state, boot_id, &value);
    must(state_decode(&again, boot_id, 1000, &value, sizeof(value), &e) == 0);
    must(again.oper_status == state.oper_status && again.discon_ns == state.discon_ns &&
         again.messages_in == state.messages_in);
}

/* ---- the registry ----------------------------------------------------------------------------------------------- */

/* A value with a check ends with the upper half of a checksum of what is before, and says so in its first octet. */
static void
mend_check(uint8_t *value, size_t octets)
{
    uint32_t check;

    if (octets < REGISTRY_MEND_LEAST)
        return;
    check = (uint32_t)(store_checksum(value, octets - sizeof(check)) >> 32);
    memcpy(value + octets - sizeof(check), &check, sizeof(check));
}

static void
try_user(struct span value)
{
    struct registry_user u, back;
    uint8_t octets[REGISTRY_USER_MAX];

    if (!registry_user_decode(value, &u))
        return;
    must(registry_user_decode(span_of(octets, registry_user_encode(&u, octets)), &back));
    must(span_equals(u.aor, back.aor) && u.failures == back.failures && u.contacts == back.contacts &&
         u.failure_end_ns == back.failure_end_ns && u.next_contact == back.next_contact &&
         u.discon_ns == back.discon_ns);
}

static void
try_contact(struct span value)
{
    struct registry_contact c, back;
    uint8_t octets[REGISTRY_CONTACT_MAX];

    if (!registry_contact_decode(value, &c) || c.uri.length > LANE_CONTACT_URI_MAX)
        return;
    must(registry_contact_decode(span_of(octets, registry_contact_encode(&c, octets)), &back));
    must(span_equals(c.uri, back.uri) && span_equals(c.name, back.name) && c.flow == back.flow &&
         c.deadline_ns == back.deadline_ns && c.updated_ns == back.updated_ns &&
         c.q_thousandths == back.q_thousandths && c.expiry_unix_s == back.expiry_unix_s);
}

static void
try_keys(struct span key)
{
    uint8_t octets[REGISTRY_DEADLINE_KEY_OCTETS];
    struct registry_key k = { 0 };

    if (registry_user_key_read(key, &k)) {
        registry_user_key(&k, octets);
        must(memcmp(octets, key.data, key.length) == 0);
    }
    if (registry_contact_key_read(key, &k)) {
        registry_contact_key(&k, octets);
        must(memcmp(octets, key.data, key.length) == 0);
    }
    if (registry_deadline_key_read(key, &k)) {
        registry_deadline_key(&k, octets);
        must(memcmp(octets, key.data, key.length) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *value;

    if (dir_fd < 0) {
        scratch_make(dir);
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        must(dir_fd >= 0 && atexit(clean_up) == 0);
    }
    if (size < 1 || size > KEPT_MAX)
        return 0;
    value = malloc(size); /* so that a sanitizer sees its end */
    must(value != NULL);
    memcpy(value, data + 1, size - 1);
    size--;
    if (data[0] & MEND) {
        if (data[0] % 8 == TOTALS || data[0] % 8 == STATE)
            mend_head(value, size);
        else
            mend_check(value, size);
    }
    switch (data[0] % 8) {
    case SETTINGS: try_settings(data + 1, size); break;
    case TOTALS: try_totals(value, size); break;
    case STATE: try_state(value, size); break;
    case USER: try_user(span_of(value, size)); break;
    case CONTACT: try_contact(span_of(value, size)); break;
    default: try_keys(span_of(value, size)); break;
    }
    free(value);
    return 0;
}
