/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: what is loaded, which defaults are made, what is asked of it. What is refused, and in which words,
 * is in tests/integration/config-errors.d/. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "tests/unit/scratch.h"

#define HEAD \
    "instances:\n  - name: a\n    appl_index: 1\n    roles: [user_agent, proxy_server, registrar_server]\n"
#define SECOND "  - {name: b, appl_index: 2, roles: [other]}\n"

/* Load a text. `complaints` gets what was complained of, to be freed, unless NULL. */
static int
load_text(const char *text, size_t length, struct config **out, char **complaints, struct err *e)
{
    char path[64];
    int fd = memfd_create("config", 0), rc;
    char *ignored = NULL;
    size_t n;
    FILE *stream = open_memstream(complaints ? complaints : &ignored, &n);

    cr_assert(fd >= 0 && stream);
    cr_assert(write(fd, text, length) == (ssize_t)length);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = config_load(path, out, stream, e);
    fclose(stream);
    close(fd);
    free(ignored);
    return rc;
}

static bool
contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* Load a text that must be good. */
static struct config *
load(const char *text)
{
    struct config *c;
    struct err e;
    char *complaints;

    cr_assert(load_text(text, strlen(text), &c, &complaints, &e) == 0, "%s", complaints);
    free(complaints);
    return c;
}

/* Whether a text is refused with a complaint that has `part` in it. */
static bool
is_refused(const char *text, const char *part)
{
    struct config *c;
    struct err e;
    char *complaints;
    int rc = load_text(text, strlen(text), &c, &complaints, &e);
    bool has = contains(complaints, part);

    if (!has)
        cr_log_error("%s", complaints);
    free(complaints);
    return rc == -EINVAL && !c && has;
}

static struct sockaddr_storage
ip(const char *text, unsigned port)
{
    struct sockaddr_storage s = { .ss_family = AF_INET };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&s;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_port = htons((uint16_t)port);
        return s;
    }
    s.ss_family = AF_INET6;
    cr_assert(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1);
    v6->sin6_port = htons((uint16_t)port);
    return s;
}

static bool
is_local(const struct config *c, enum sipstat_transport transport, const char *host, unsigned port)
{
    struct sockaddr_storage s = ip(host, port);

    return config_instance_is_local(&c->instances[0], transport, (struct sockaddr *)&s);
}

/* ---- defaults ---- */

Test(config_defaults, of_the_agent)
{
    struct config *c = load(HEAD);

    cr_expect(eq(str, c->runtime_dir, SIPMIB_RUNTIME_DIR));
    cr_expect(eq(str, c->state_dir, SIPMIB_STATE_DIR));
    cr_expect(eq(str, c->agentx_socket, "unix:/var/agentx/master"));
    cr_expect(eq(u32, c->ping_interval_s, 2));
    cr_expect(eq(u32, c->snapshot_max_age_ms, 250));
    cr_expect(eq(u32, c->notifications.rate, 20));
    cr_expect(eq(u32, c->notifications.queue, 1000));
    cr_expect(eq(sz, c->hep.n_listen, 0));
    cr_expect(zero(ptr, c->hep.auth_key));
    config_free(c);
}

Test(config_defaults, of_an_instance)
{
    struct config *c = load(HEAD);
    const struct config_instance *i = &c->instances[0];

    cr_expect(eq(str, i->description, ""));
    cr_expect(eq(str, i->organization, ""));
    cr_expect(eq(str, i->url, ""));
    cr_expect(eq(str, i->directory_name, ""));
    cr_expect(zero(ptr, i->host));
    cr_expect(eq(sz, i->n_locals, 0));
    cr_expect(eq(u32, i->max_transactions, 5000));
    cr_expect(eq(sz, i->n_option_tags, 0));
    cr_expect(eq(u32, i->stale_after_s, 60));
    cr_expect(eq(int, i->proxy.statefulness, CONFIG_TRANSACTION_STATEFUL));
    cr_expect(not(i->proxy.recursion));
    cr_expect(not(i->proxy.record_route));
    cr_expect(eq(uint, i->proxy.auth, CONFIG_AUTH_NONE));
    cr_expect(eq(str, i->proxy.realm, ""));
    cr_expect(eq(u32, i->registrar.max_contact_expiry_s, 3600));
    cr_expect(eq(u32, i->registrar.default_expiry_s, 3600));
    cr_expect(eq(u32, i->registrar.max_users, 1000000));
    cr_expect(eq(int, i->registrar.expose, CONFIG_EXPOSE_FULL));
    cr_expect(eq(sz, i->n_ua_servers, 0));
    cr_expect(i->status_codes_observed);
    cr_expect(eq(sz, i->n_watches, 0));
    config_free(c);
}

Test(config_defaults, methods_are_the_fourteen_of_iana_in_the_order_of_their_numbers)
{
    struct config *c = load(HEAD);

    cr_assert(eq(sz, c->instances[0].n_methods, 14));
    cr_expect(eq(str, c->instances[0].methods[SIPSTAT_INVITE], "INVITE"));
    cr_expect(eq(str, c->instances[0].methods[SIPSTAT_REGISTER], "REGISTER"));
    cr_expect(eq(str, c->instances[0].methods[SIPSTAT_UPDATE], "UPDATE"));
    config_free(c);
}

Test(config_defaults, of_a_watch)
{
    struct config *c = load(HEAD "    watch: [{method: BYE, codes: 481}]\n");
    const struct config_watch *w = &c->instances[0].watches[0];

    cr_expect(eq(u32, w->threshold, 500));
    cr_expect(eq(u32, w->interval_s, 60));
    cr_expect(not(w->notify));
    cr_expect(eq(int, w->emit, CONFIG_EMIT_ONE_SHOT));
    config_free(c);
}

/* ---- timers ---- */

Test(config_timers, follow_rfc_3261)
{
    static const uint32_t expected[CONFIG_TIMERS] = { 500,   32000, 180000, 32000, 500, 32000, 500,
                                                      32000, 5000,  32000,  5000,  500, 4000,  5000 };
    struct config *c = load(HEAD);

    for (int t = 0; t < CONFIG_TIMERS; t++)
        cr_expect(eq(u32, c->instances[0].timer_ms[t], expected[t]), "timer %d", t);
    config_free(c);
}

Test(config_timers, follow_t1_and_t4)
{
    struct config *c = load(HEAD "    timers: {T1: 1s, T4: 6s}\n");

    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_A], 1000));
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_B], 64000));
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_D], 64000));
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_I], 6000));
    config_free(c);
}

Test(config_timers, that_follow_t1_are_brought_into_the_range_of_their_object)
{
    struct config *c = load(HEAD "    timers: {T1: 10s}\n");

    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_A], 1000));
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_F], 300000));
    config_free(c);
    c = load(HEAD "    timers: {T1: 200ms}\n");
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_B], 32000));
    config_free(c);
}

Test(config_timers, that_are_given_stay_as_they_are)
{
    struct config *c = load(HEAD "    timers: {T1: 1s, D: 0s, K: 0ms, B: 40s}\n");

    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_D], 0));
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_K], 0));
    cr_expect(eq(u32, c->instances[0].timer_ms[CONFIG_TIMER_B], 40000));
    config_free(c);
}

/* ---- values ---- */

Test(config_values, durations_take_ms_s_m_and_h)
{
    struct config *c = load("snapshot_max_age: 1m\nagentx: {ping_interval: 3000ms}\n" HEAD
                            "    registrar: {max_contact_expiry: 2h}\n");

    cr_expect(eq(u32, c->snapshot_max_age_ms, 60000));
    cr_expect(eq(u32, c->ping_interval_s, 3));
    cr_expect(eq(u32, c->instances[0].registrar.max_contact_expiry_s, 7200));
    config_free(c);
}

Test(config_values, roles_are_bits)
{
    struct config *c = load(HEAD);

    cr_expect(eq(uint, c->instances[0].roles,
                 CONFIG_ROLE_BIT(CONFIG_ROLE_USER_AGENT) | CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY) |
                     CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR)));
    config_free(c);
}

Test(config_values, an_option_tag_has_one_row_for_all_its_header_fields)
{
    struct config *c = load(HEAD "    option_tags: {required: [100rel], supported: [timer, 100rel]}\n");
    const struct config_instance *i = &c->instances[0];

    cr_assert(eq(sz, i->n_option_tags, 2));
    cr_expect(eq(str, i->option_tags[0].tag, "timer"));
    cr_expect(eq(uint, i->option_tags[0].headers, CONFIG_TAG_SUPPORTED));
    cr_expect(eq(str, i->option_tags[1].tag, "100rel"));
    cr_expect(eq(uint, i->option_tags[1].headers, CONFIG_TAG_SUPPORTED | CONFIG_TAG_REQUIRE));
    config_free(c);
}

Test(config_values, a_watch_becomes_a_row_for_each_code_in_order)
{
    struct config *c =
        load(HEAD "    watch:\n    - {method: INVITE, codes: [503, 403], notify: true, emit: normal}\n"
                  "    - {method: BYE, codes: 481, threshold: 7}\n");
    const struct config_instance *i = &c->instances[0];

    cr_assert(eq(sz, i->n_watches, 3));
    cr_expect(eq(str, i->watches[0].method, "BYE"));
    cr_expect(eq(u32, i->watches[0].threshold, 7));
    cr_expect(eq(uint, i->watches[1].code, 403));
    cr_expect(eq(uint, i->watches[2].code, 503));
    cr_expect(i->watches[2].notify);
    cr_expect(eq(int, i->watches[2].emit, CONFIG_EMIT_NORMAL));
    config_free(c);
}

Test(config_values, servers_have_an_address_or_a_name)
{
    struct config *c = load(HEAD "    user_agent: {servers: [{address: 192.0.2.1, role: proxy_server}, "
                                 "{address: sip.example.org, role: [registrar_server, other]}, "
                                 "{address: \"2001:db8::1\", role: other}]}\n");
    const struct config_ua_server *s = c->instances[0].ua_servers;

    cr_assert(eq(sz, c->instances[0].n_ua_servers, 3));
    cr_expect(eq(int, s[0].family, AF_INET));
    cr_expect(eq(int, s[0].address[0], 192));
    cr_expect(eq(uint, s[0].roles, CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY)));
    cr_expect(eq(int, s[1].family, 0));
    cr_expect(eq(str, s[1].host, "sip.example.org"));
    cr_expect(
        eq(uint, s[1].roles, CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR) | CONFIG_ROLE_BIT(CONFIG_ROLE_OTHER)));
    cr_expect(eq(int, s[2].family, AF_INET6));
    config_free(c);
}

Test(config_values, default_expiry_that_is_not_given_is_no_longer_than_the_longest)
{
    struct config *c = load(HEAD "    registrar: {max_contact_expiry: 10m}\n");

    cr_expect(eq(u32, c->instances[0].registrar.default_expiry_s, 600));
    config_free(c);
}

Test(config_values, instances_come_in_the_order_of_their_index)
{
    struct config *c = load("instances:\n- {name: z, appl_index: 9, roles: [other]}\n"
                            "- {name: y, appl_index: 3, roles: [other]}\n");

    cr_expect(eq(str, c->instances[0].name, "y"));
    cr_expect(eq(str, c->instances[1].name, "z"));
    config_free(c);
}

Test(config_values, a_byte_order_mark_is_skipped)
{
    config_free(load("\xef\xbb\xbf" HEAD));
}

Test(config_values, texts_keep_what_yaml_would_take_for_something_else)
{
    struct config *c =
        load(HEAD "    description: 1.0\n    organization: \"null\"\n    proxy: {realm: 'M\xc3\xbcller'}\n");

    cr_expect(eq(str, c->instances[0].description, "1.0"));
    cr_expect(eq(str, c->instances[0].organization, "null"));
    cr_expect(eq(str, c->instances[0].proxy.realm, "M\xc3\xbcller"));
    config_free(c);
}

/* ---- asking ---- */

Test(config_find, by_name)
{
    struct config *c = load(HEAD SECOND);

    cr_expect(eq(ptr, (void *)config_instance_find(c, "b"), (void *)&c->instances[1]));
    cr_expect(zero(ptr, (void *)config_instance_find(c, "B")));
    config_free(c);
}

Test(config_local, address_and_port_must_match)
{
    struct config *c = load(HEAD "    local: [\"udp:192.0.2.10:5060\", \"tls:[2001:db8::1]:5061\"]\n");

    cr_expect(is_local(c, SIPSTAT_UDP, "192.0.2.10", 5060));
    cr_expect(not(is_local(c, SIPSTAT_UDP, "192.0.2.10", 5061)));
    cr_expect(not(is_local(c, SIPSTAT_UDP, "192.0.2.11", 5060)));
    cr_expect(is_local(c, SIPSTAT_TLS, "2001:db8::1", 5061));
    config_free(c);
}

Test(config_local, streams_match_each_other_and_no_datagrams)
{
    struct config *c = load(HEAD "    local: [\"tls:192.0.2.10:5061\", \"udp:192.0.2.10:5060\"]\n");

    cr_expect(is_local(c, SIPSTAT_TCP, "192.0.2.10", 5061));
    cr_expect(is_local(c, SIPSTAT_WSS, "192.0.2.10", 5061));
    cr_expect(not(is_local(c, SIPSTAT_UDP, "192.0.2.10", 5061)));
    cr_expect(not(is_local(c, SIPSTAT_TCP, "192.0.2.10", 5060)));
    config_free(c);
}

Test(config_local, an_unknown_transport_matches_both)
{
    struct config *c = load(HEAD "    local: [\"tls:192.0.2.10:5061\", \"udp:192.0.2.10:5060\"]\n");

    cr_expect(is_local(c, SIPSTAT_TRANSPORT_OTHER, "192.0.2.10", 5061));
    cr_expect(is_local(c, SIPSTAT_TRANSPORT_OTHER, "192.0.2.10", 5060));
    config_free(c);
}

Test(config_local, a_star_is_any_address_of_that_port)
{
    struct config *c = load(HEAD "    local: [\"udp:*:5060\"]\n");

    cr_expect(is_local(c, SIPSTAT_UDP, "192.0.2.10", 5060));
    cr_expect(is_local(c, SIPSTAT_UDP, "2001:db8::1", 5060));
    cr_expect(not(is_local(c, SIPSTAT_UDP, "192.0.2.10", 5070)));
    cr_expect(c->instances[0].locals[0].any_host);
    cr_expect(eq(int, c->instances[0].locals[0].address.ss_family, AF_INET6));
    config_free(c);
}

Test(config_local, ipv4_mapped_is_ipv4_on_both_sides)
{
    struct config *c = load(HEAD "    local: [\"udp:192.0.2.10:5060\", \"udp:[::ffff:192.0.2.11]:5060\"]\n");

    cr_expect(is_local(c, SIPSTAT_UDP, "::ffff:192.0.2.10", 5060));
    cr_expect(is_local(c, SIPSTAT_UDP, "192.0.2.11", 5060));
    cr_expect(eq(int, c->instances[0].locals[1].address.ss_family, AF_INET));
    config_free(c);
}

Test(config_local, without_local_addresses_nothing_is_local)
{
    struct config *c = load(HEAD);
    struct sockaddr other = { .sa_family = AF_UNIX };

    cr_expect(not(is_local(c, SIPSTAT_UDP, "192.0.2.10", 5060)));
    cr_expect(not(config_instance_is_local(&c->instances[0], SIPSTAT_UDP, &other)));
    config_free(c);
}

/* ---- refusing ---- */

Test(config_refuse, leaves_nothing_and_says_how_many)
{
    static const char text[] = "a: 1\nb: 2\n";
    struct config *c = (struct config *)1;
    struct err e;
    char *complaints;

    cr_expect(eq(int, load_text(text, strlen(text), &c, &complaints, &e), -EINVAL));
    cr_expect(zero(ptr, c));
    cr_expect(strncmp(e.text, "3 errors in /proc/self/fd/", 26) == 0, "%s", e.text);
    free(complaints);
}

Test(config_refuse, a_file_that_cannot_be_read_with_its_errno)
{
    struct config *c;
    struct err e;

    cr_expect(eq(int, config_load("/nonexistent/sipmib.yaml", &c, NULL, &e), -ENOENT));
    cr_expect(eq(str, e.text, "/nonexistent/sipmib.yaml: cannot open: No such file or directory"));
}

Test(config_refuse, every_prefix_of_a_good_file_without_a_crash)
{
    static const char text[] = "agentx: {socket: \"tcp:localhost:705\"}\n" HEAD
                               "    local: [\"udp:[2001:db8::1]:5060\"]\n    timers: {T1: 1s}\n"
                               "    watch: [{method: INVITE, codes: [403, 404]}]\n";
    struct config *c;
    struct err e;

    for (size_t length = 0; length < sizeof(text); length++) {
        load_text(text, length, &c, NULL, &e);
        config_free(c);
    }
}

Test(config_refuse, quotes_no_secret)
{
    static const char text[] = "collectors: {hep: {auth_key: \"s3cr\\x01t\"}}\n" HEAD;
    struct config *c;
    struct err e;
    char *complaints;

    cr_assert(eq(int, load_text(text, strlen(text), &c, &complaints, &e), -EINVAL));
    cr_expect(not(contains(complaints, "s3cr")));
    cr_expect(contains(complaints, "got a text of 6 octets"));
    free(complaints);
}

/* ---- on a terminal ---- */

/* What a terminal gets to see of the complaints about a text; to be freed. */
static char *
on_terminal(const char *text)
{
    char path[64], *seen = calloc(1, 4096);
    int fd = memfd_create("config", 0), master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    struct config *c;
    size_t octets = 0;
    struct err e;
    FILE *stream;
    ssize_t n;

    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    stream = fdopen(slave, "w");
    cr_assert(stream != NULL);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    cr_assert(eq(int, config_load(path, &c, stream, &e), -EINVAL));
    fclose(stream);
    /* A terminal gives a line at a time. */
    while (octets < 4095 && (n = read(master, seen + octets, 4095 - octets)) > 0)
        octets += (size_t)n;
    cr_assert(octets > 0);
    close(master);
    close(fd);
    return seen;
}

Test(config_terminal, shows_the_line_and_a_mark)
{
    char *seen = on_terminal("snapshot_max_age: 5\n" HEAD);

    cr_expect(contains(seen, "\r\n  snapshot_max_age: 5\r\n                    ^\r\n"), "%s", seen);
    free(seen);
}

Test(config_terminal, shows_no_line_with_a_secret)
{
    char *seen = on_terminal("collectors: {hep: {auth_key: \"s3cr\\x01t\"}}\n" HEAD);

    cr_expect(not(contains(seen, "s3cr")));
    free(seen);
}

/* ---- the key in a file of its own ---- */

/* A configuration that names a key file of this content and mode. The caller frees it and removes the file. */
static char *
with_key_file(const char *content, mode_t mode, char path[PATH_MAX])
{
    char *text;
    int fd;

    fd = scratch_file(path);
    cr_assert(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content) &&
              fchmod(fd, mode) == 0);
    close(fd);
    cr_assert(asprintf(&text, "collectors: {hep: {auth_key_file: \"%s\"}}\n" HEAD, path) > 0);
    return text;
}

Test(config_key_file, holds_the_key_in_its_line)
{
    char path[PATH_MAX], *text = with_key_file("open sesame\n", 0640, path);
    struct config *c = load(text);

    cr_expect(eq(str, c->hep.auth_key, "open sesame"));
    config_free(c);
    unlink(path);
    free(text);
}

Test(config_key_file, that_everybody_can_read_is_refused)
{
    char path[PATH_MAX], *text = with_key_file("open sesame\n", 0644, path);

    cr_expect(is_refused(text, "(its mode is 0644: everybody can reach the key; chmod o-rw it)"));
    unlink(path);
    free(text);
}

Test(config_key_file, of_two_lines_is_refused)
{
    char path[PATH_MAX], *text = with_key_file("open\nsesame\n", 0600, path);

    cr_expect(is_refused(text, "(its content is no such key)"));
    unlink(path);
    free(text);
}

/* ---- dumping ---- */

static char *
dump(const struct config *c)
{
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);

    config_dump(c, stream);
    fclose(stream);
    return text;
}

Test(config_dump, loads_to_the_same_dump)
{
    static const char text[] =
        "notifications: {rate: 7, queue: 77}\n"
        "collectors:\n"
        "  hep: {listen: [\"udp:0.0.0.0:9060\", \"udp:[::1]:9060\", \"udp:*:9061\"], auth_key: \"a\\\"b\\\\c\"}\n" HEAD
        "    description: 'a \"quoted\" \\ text'\n    host: \"2001:db8::1\"\n    timers: {T1: 1500ms}\n"
        "    local: [\"ws:192.0.2.1:80\", \"tls-sctp:[2001:db8::1]:5061\"]\n    status_codes: configured\n"
        "    user_agent: {servers: [{address: 192.0.2.1, role: proxy_server}]}\n"
        "    watch: [{method: INVITE, codes: [403, 404, 999]}, {method: x~y, codes: 500, emit: normal}]\n" SECOND;
    struct config *c = load(text);
    char *first = dump(c), *second;

    config_free(c);
    c = load(first);
    second = dump(c);
    cr_expect(eq(str, first, second));
    config_free(c);
    free(first);
    free(second);
}

Test(config_dump, shows_no_secret)
{
    struct config *c = load("collectors: {hep: {auth_key: opensesame}}\n" HEAD);
    char *text = dump(c);

    cr_expect(not(contains(text, "sesame")));
    config_free(c);
    free(text);
}
