/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading, freeing and asking the configuration. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/address.h"
#include "config/complaint.h"
#include "config/field.h"
#include "config/node.h"
#include "config/schema.h"
#include "config/settle.h"

static int read_source(const char *path, struct source *source, struct err *e);
static int load_source(const struct source *source, struct config **out, struct complaints *complaints);

int
config_load(const char *path, struct config **out, FILE *complaints, struct err *e)
{
    struct source source = { .name = strcmp(path, "-") == 0 ? "standard input" : path };
    struct complaints found = { .error = 0 };
    struct config *c = NULL;
    int rc = read_source(path, &source, e);

    *out = NULL;
    if (rc < 0)
        return rc;
    rc = load_source(&source, &c, &found);
    if (rc == -ENOMEM)
        err_set(e, rc, "%s: out of memory", source.name);
    else if (rc < 0)
        err_set(e, rc, "%zu error%s in %s", found.n, found.n == 1 ? "" : "s", source.name);
    if ((rc == -EINVAL || rc == 0) && complaints)
        complaints_print(&found, &source, complaints);
    complaints_fini(&found);
    if (source.text)
        explicit_bzero(source.text, source.length); /* a key may be in it */
    free(source.text);
    if (rc == 0)
        *out = c;
    return rc;
}

/* ---- reading ---- */

enum { READ_OCTETS = 64 << 10 };

/* Read to the end, but no more than one octet beyond what is allowed. */
static int
read_all(int fd, struct source *source)
{
    ssize_t n = 1;

    while (n > 0 && source->length <= CONFIG_FILE_OCTETS_MAX) {
        char *grown = realloc(source->text, source->length + READ_OCTETS);

        if (!grown)
            return -ENOMEM;
        source->text = grown;
        do
            n = read(fd, source->text + source->length, READ_OCTETS);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return -errno;
        source->length += (size_t)n;
    }
    return 0;
}

static int
read_source(const char *path, struct source *source, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    int rc;

    if (fd < 0)
        return err_sys(e, -errno, "%s: cannot open", path);
    source->is_open_to_all = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH);
    rc = read_all(fd, source);
    if (!is_stdin)
        close(fd);
    if (rc < 0) {
        free(source->text);
        source->text = NULL;
        return err_sys(e, rc, "%s: cannot read", source->name);
    }
    return 0;
}

/* ---- loading ---- */

/* YAML allows no octets but UTF-8 and no controls; libyaml would say so without a line. */
static bool
check_octets(const struct source *source, struct complaints *complaints)
{
    unsigned line = 1, column = 1;
    uint32_t point;

    for (size_t at = 0, n; at < source->length; at += n) {
        n = phrase_utf8(source->text + at, source->length - at, &point);
        if (n == 0) {
            complaints_add(complaints, line, column, "file: expected UTF-8, got the octet \\x%02x",
                           (unsigned char)source->text[at]);
            return false;
        }
        if ((point < 0x20 && !strchr("\t\n\r", (int)point)) || point == 0 || point == 0x7f) {
            complaints_add(complaints, line, column, "file: expected text, got the control character \\x%02x",
                           point);
            return false;
        }
        column = point == '\n' ? 1 : column + 1;
        line += point == '\n';
    }
    return true;
}

static int
check_source(const struct source *source, struct complaints *complaints)
{
    if (source->length > CONFIG_FILE_OCTETS_MAX) {
        complaints_add(complaints, 1, 1, "file: expected at most %d octets, got more",
                       CONFIG_FILE_OCTETS_MAX);
        return -EINVAL;
    }
    return check_octets(source, complaints) ? 0 : -EINVAL;
}

/* Fill `c` from the tree. */
static void
load_tree(struct loader *l, const struct node *root, struct config *c)
{
    if (root->kind == NODE_MAPPING) {
        field_load_table(l, &schema_root, root, c);
        if (l->error == 0)
            settle_config(l, root, c);
    } else if (root->kind != NODE_REFUSED) {
        field_complain(l, root, "expected a mapping with instances, got %s",
                       node_is_null(root)        ? "nothing"
                       : root->kind == NODE_LIST ? "a list"
                                                 : "a text");
    }
}

static int
load_source(const struct source *source, struct config **out, struct complaints *complaints)
{
    struct loader l = { .complaints = complaints,
                        .tables = schema_tables,
                        .is_open_to_all = source->is_open_to_all };
    struct config *c = calloc(1, sizeof(*c));
    struct node root = { .kind = NODE_REFUSED };
    int rc = c ? check_source(source, complaints) : -ENOMEM;

    if (rc == 0)
        rc = node_parse(source, &root, complaints);
    if (rc == 0)
        load_tree(&l, &root, c);
    node_fini(&root);
    if (l.error || complaints->error)
        rc = -ENOMEM;
    else if (complaints->n)
        rc = -EINVAL;
    if (rc == 0)
        *out = c;
    else
        config_free(c);
    return rc;
}

/* ---- freeing ---- */

static void
free_instance(struct config_instance *i)
{
    free(i->group.name);
    free(i->description);
    free(i->organization);
    free(i->url);
    free(i->directory_name);
    free(i->host);
    free(i->locals);
    for (size_t n = 0; n < i->n_methods; n++)
        free(i->methods[n]);
    free(i->methods);
    for (size_t n = 0; n < i->n_option_tags; n++)
        free(i->option_tags[n].tag);
    free(i->option_tags);
    free(i->proxy.realm);
    for (size_t n = 0; n < i->n_ua_servers; n++)
        free(i->ua_servers[n].host);
    free(i->ua_servers);
    for (size_t n = 0; n < i->n_watches; n++)
        free(i->watches[n].method);
    free(i->watches);
}

void
config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_instances; i++)
        free_instance(&c->instances[i]);
    free(c->instances);
    free(c->runtime_dir);
    free(c->state_dir);
    free(c->agentx_socket);
    free(c->hep.listen);
    if (c->hep.auth_key)
        explicit_bzero(c->hep.auth_key, strlen(c->hep.auth_key));
    free(c->hep.auth_key);
    free(c);
}

/* ---- asking ---- */

void
config_dump(const struct config *c, FILE *out)
{
    fputs("# The configuration in force, defaults included.\n", out);
    field_dump_table(&schema_root, c, out, 0, NULL);
}

const struct config_instance *
config_instance_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_instances; i++)
        if (strcmp(c->instances[i].name, name) == 0)
            return &c->instances[i];
    return NULL;
}

bool
config_instance_is_local(const struct config_instance *i, enum sipstat_transport transport,
                         const struct sockaddr *address)
{
    for (size_t n = 0; n < i->n_locals; n++)
        if (address_matches(&i->locals[n], transport, address))
            return true;
    return false;
}
