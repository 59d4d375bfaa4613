/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of values that the tables of schema.c are made of. */
#ifndef CONFIG_KIND_H
#define CONFIG_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/field.h"

/* A word that the file uses and the number that the program does. */
struct name {
    const char *word; /* NULL ends a list of them */
    unsigned value;
};

/* What field.more is for kind_list and kind_mappings. */
struct list {
    struct field item; /* kind and range of each; of kind_mappings only `more`, the table */
    size_t item_octets;
    size_t count_offset;                           /* of the size_t that says how many */
    const char *items;                             /* what they are, for complaints: "addresses" */
    const char *one;                               /* one of them: "address" */
    bool takes_one;                                /* a value that stands alone is a list of one */
    bool (*is_same)(const void *a, const void *b); /* two that must not both be there; NULL: any may */
};

/* Scalars (kind_scalar.c). Members: bool; uint32_t; an enum; unsigned. */
extern const struct kind kind_bool;    /* true, false */
extern const struct kind kind_count;   /* min to max */
extern const struct kind kind_ms;      /* a duration in ms, min to max ms */
extern const struct kind kind_seconds; /* a duration of whole seconds, min to max s */
extern const struct kind kind_choice;  /* a word of `more`, a struct name list */
extern const struct kind
    kind_choices; /* a list of min or more such words, their values or'ed; a single word will do
                                          where max is 1 */

/* Texts (kind_text.c). Members: char *, kind_name excepted. min to max octets. */
extern const struct kind kind_text;     /* one line */
extern const struct kind kind_path;     /* absolute */
extern const struct kind kind_token;    /* of RFC 3261 25.1; more: what it is, "a method name" */
extern const struct kind kind_url;      /* or nothing */
extern const struct kind kind_host;     /* host name or IP address */
extern const struct kind kind_socket;   /* where the AgentX master listens */
extern const struct kind kind_name;     /* of an instance; the member is char[CONFIG_NAME_OCTETS] */
extern const struct kind kind_group;    /* struct config_group */
extern const struct kind kind_key;      /* a secret; null for none */
extern const struct kind kind_key_file; /* the path of a file that holds one; the member is that of kind_key,
                                            the structure the configuration */

/* Addresses (kind_address.c): struct config_address; struct config_ua_server. max: the transports allowed, as bits
 * 1 << SIPSTAT_UDP ...; min 1: the unspecified address may be written out. */
extern const struct kind kind_address;
extern const struct kind kind_server_host; /* host, family and address of a struct config_ua_server */

/* Collections (kind_list.c). The member is a pointer to the items, min to max of them. */
extern const struct kind kind_list;     /* of scalars */
extern const struct kind kind_mappings; /* of mappings */
extern const struct kind kind_mapping;  /* more: the table, whose fields lie in the same structure */
extern const struct kind
    kind_section; /* as kind_mapping, in an instance, and only for the role CONFIG_ROLE_BIT() min */
extern const struct kind kind_tags;    /* option tags; min: the CONFIG_TAG_* that being in this list means */
extern const struct kind kind_watches; /* more: the table of struct watch_entry */

/* What one entry of `watch` says: it becomes a struct config_watch for each code. */
struct watch_entry {
    char *method;
    uint32_t *codes;
    size_t n_codes;
    uint32_t threshold, interval_s;
    bool notify;
    enum config_emit emit;
};

/* The name that stands for a value; "?" when there is none. */
const char *kind_word(const struct name *names, unsigned value);

/* A text as YAML between double quotes. */
void kind_dump_quoted(const char *text, FILE *out);

/* Whether a text is a token of RFC 3261 25.1. */
bool kind_is_token(const char *text, size_t length);

/* Whether a text is a host name: labels of letters, digits and inner hyphens, with dots between. */
bool kind_is_host_name(const char *text);

/* The address written as "192.0.2.1", "2001:db8::1" or "[2001:db8::1]" in `out` (4 or 16 octets); AF_INET, AF_INET6,
 * or 0 when it is none. */
int kind_parse_ip(const char *text, uint8_t out[16]);

#endif
