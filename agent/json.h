/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing JSON (RFC 8259) into memory. Octets that are not UTF-8 become U+FFFD, so that what a peer wrote
 * can never break the document. */
#ifndef AGENT_JSON_H
#define AGENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 16 };

/* A document being written. One thread. Members are json.c's own but for `text` and `octets` after
 * json_finish(). */
struct json {
    char *text;
    size_t octets;
    size_t allocated;
    bool failed; /* out of memory: everything since is dropped */
    unsigned depth;
    char closer[JSON_DEPTH_MAX]; /* what ends the object or array open at each depth */
    bool has_member[JSON_DEPTH_MAX];
};

/* Begin a document: an object. */
void json_init(struct json *j);

/* Free what json_init() and the rest took. Fine after a failure, and twice. */
void json_fini(struct json *j);

/* Members of an object have a `key`; those of an array take NULL for it. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_close(struct json *j);
void json_string(struct json *j, const char *key, const char *value); /* NULL becomes null */
void json_octets(struct json *j, const char *key, const void *value, size_t octets);
void json_number(struct json *j, const char *key, uint64_t value);
void json_decimal(struct json *j, const char *key, double value, unsigned places); /* not finite: null */
void json_bool(struct json *j, const char *key, bool value);

/* Close what is open and end the line; true when the document in `text` (terminated) is whole. */
bool json_finish(struct json *j);

/* Octets of the well-formed UTF-8 sequence at `text`, 0 when there is none (RFC 3629). */
size_t json_utf8_octets(const unsigned char *text, size_t octets);

#endif
