/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading JSON into a tree. Strings are unescaped in place, in a copy of the document. */
#include "agent/json_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the reader is. `at` never passes the terminating zero. */
struct reader {
    struct json_tree *tree;
    char *at;
    unsigned depth;
    const char *expected; /* what was expected where it stopped; NULL: all is well */
};

static struct json_value *read_value(struct reader *r);
static void read_members(struct reader *r, struct json_value *v);
static const char *read_string(struct reader *r);
static char *read_escape(struct reader *r, char *to);
static void read_number(struct reader *r, struct json_value *v);
static void read_word(struct reader *r, struct json_value *v);

int
json_read(struct json_tree *t, const char *text, struct err *e)
{
    size_t octets = strlen(text), most = 1, at;
    struct reader r = { .tree = t };

    /* Each value but the first stands behind one of these. */
    for (const char *p = text; (p = strpbrk(p, "[{,")); p++)
        most++;
    *t = (struct json_tree){ .root = NULL };
    if (most > JSON_READ_VALUES_MAX)
        return err_set(e, -E2BIG, "more than %d values", JSON_READ_VALUES_MAX);
    t->text = malloc(octets + 1);
    t->value = calloc(most, sizeof(*t->value));
    if (!t->text || !t->value) {
        json_tree_free(t);
        return err_set(e, -ENOMEM, "no memory");
    }
    memcpy(t->text, text, octets + 1);
    r.at = t->text;
    t->root = read_value(&r);
    r.at += strspn(r.at, " \t\r\n");
    if (!r.expected && *r.at == '\0')
        return 0;
    at = (size_t)(r.at - t->text);
    json_tree_free(t);
    return err_set(e, -EBADMSG, "at octet %zu: expected %s", at, r.expected ? r.expected : "the end");
}

void
json_tree_free(struct json_tree *t)
{
    free(t->text);
    free(t->value);
    *t = (struct json_tree){ .root = NULL };
}

/* The first complaint stands: whatever follows from it is noise. */
static void
refuse(struct reader *r, const char *expected)
{
    if (!r->expected)
        r->expected = expected;
}

/* Skip blanks and take `c`, when it is there. */
static bool
take(struct reader *r, char c)
{
    r->at += strspn(r->at, " \t\r\n");
    if (r->expected || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* Never NULL: the counting in json_read() made room for every value that a separator can stand before. */
static struct json_value *
read_value(struct reader *r)
{
    struct json_value *v = &r->tree->value[r->tree->values++];

    *v = (struct json_value){ .kind = JSON_NULL, .key = "", .text = "" };
    r->at += strspn(r->at, " \t\r\n");
    if (*r->at == '{' || *r->at == '[') {
        read_members(r, v);
    } else if (*r->at == '"') {
        v->kind = JSON_STRING;
        v->text = read_string(r);
    } else if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')) {
        read_number(r, v);
    } else {
        read_word(r, v);
    }
    return v;
}

static void
read_members(struct reader *r, struct json_value *v)
{
    char closer = *r->at == '{' ? '}' : ']';
    struct json_value **end = &v->first;

    v->kind = *r->at == '{' ? JSON_OBJECT : JSON_ARRAY;
    if (r->depth == JSON_READ_DEPTH_MAX) {
        refuse(r, "fewer brackets within each other");
        return;
    }
    r->at++;
    if (take(r, closer))
        return;
    r->depth++;
    do {
        const char *key = "";

        if (v->kind == JSON_OBJECT) {
            r->at += strspn(r->at, " \t\r\n");
            key = read_string(r);
            if (!take(r, ':'))
                refuse(r, "a colon");
        }
        if (r->expected)
            return;
        *end = read_value(r);
        (*end)->key = key;
        end = &(*end)->next;
    } while (take(r, ','));
    r->depth--;
    if (!take(r, closer))
        refuse(r, closer == '}' ? "a comma or }" : "a comma or ]");
}

static const char *
read_string(struct reader *r)
{
    char *to, *start;

    if (*r->at != '"') {
        refuse(r, "a string");
        return "";
    }
    start = to = ++r->at;
    while (*r->at != '"' && !r->expected) {
        if ((unsigned char)*r->at < 0x20)
            refuse(r, *r->at ? "no control character" : "the end of the string");
        else if (*r->at == '\\')
            to = read_escape(r, to);
        else
            *to++ = *r->at++;
    }
    if (r->expected)
        return "";
    r->at++;
    *to = '\0'; /* on the closing quote at the latest */
    return start;
}

/* Four hexadecimal digits, or -1. */
static long
read_hex(const char *at)
{
    char digits[5] = "";

    if (strspn(at, "0123456789abcdefABCDEF") < 4)
        return -1;
    memcpy(digits, at, 4);
    return strtol(digits, NULL, 16);
}

static char *
put_utf8(char *to, unsigned long c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* An escape never gets longer by being read: \uXXXX is six octets and becomes three, a pair of them becomes four. */
static char *
read_escape(struct reader *r, char *to)
{
    static const char letters[] = "\"\\/bfnrt", octets[] = "\"\\/\b\f\n\r\t";
    const char *letter = r->at[1] ? strchr(letters, r->at[1]) : NULL;
    long c, low;

    if (letter) {
        *to++ = octets[letter - letters];
        r->at += 2;
        return to;
    }
    if (r->at[1] != 'u' || (c = read_hex(r->at + 2)) < 0) {
        refuse(r, "an escape that JSON knows");
        return to;
    }
    r->at += 6;
    if (c >= 0xd800 && c < 0xdc00 && r->at[0] == '\\' && r->at[1] == 'u' &&
        (low = read_hex(r->at + 2)) >= 0xdc00 && low < 0xe000) {
        r->at += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c == 0 || (c >= 0xd800 && c < 0xe000))
        c = 0xfffd;
    return put_utf8(to, (unsigned long)c);
}

/* Digits from `at` on; NULL when there is none. */
static const char *
skip_digits(const char *at)
{
    size_t n = strspn(at, "0123456789");

    return n > 0 ? at + n : NULL;
}

static void
read_number(struct reader *r, struct json_value *v)
{
    const char *at = r->at + (*r->at == '-');
    char *end, after;

    at = *at == '0' ? at + 1 : skip_digits(at);
    if (at && *at == '.')
        at = skip_digits(at + 1);
    if (at && (*at == 'e' || *at == 'E')) {
        at++;
        at = skip_digits(at + (*at == '+' || *at == '-'));
    }
    if (!at) {
        refuse(r, "a digit");
        return;
    }
    v->kind = JSON_NUMBER;
    end = r->at + (at - r->at);
    after = *end; /* ended for a moment: what else strtod() would take is no JSON */
    *end = '\0';
    v->number = strtod(r->at, NULL);
    *end = after;
    if (isfinite(v->number))
        r->at = end;
    else
        refuse(r, "a number in the range of double");
}

static void
read_word(struct reader *r, struct json_value *v)
{
    static const struct {
        const char *word;
        enum json_kind kind;
        bool is_true;
    } words[] = { { "null", JSON_NULL, false }, { "true", JSON_BOOL, true }, { "false", JSON_BOOL, false } };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(r->at, words[i].word, strlen(words[i].word)) != 0)
            continue;
        v->kind = words[i].kind;
        v->is_true = words[i].is_true;
        r->at += strlen(words[i].word);
        return;
    }
    refuse(r, "a value");
}

/* ---- looking things up ------------------------------------------------------------------------------------------ */

const struct json_value *
json_get(const struct json_value *object, const char *key)
{
    if (!object || object->kind != JSON_OBJECT)
        return NULL;
    for (const struct json_value *v = object->first; v; v = v->next)
        if (strcmp(v->key, key) == 0)
            return v;
    return NULL;
}

double
json_get_number(const struct json_value *object, const char *key)
{
    const struct json_value *v = json_get(object, key);

    return v ? v->number : 0;
}

bool
json_get_bool(const struct json_value *object, const char *key)
{
    const struct json_value *v = json_get(object, key);

    return v && v->is_true;
}

const char *
json_get_text(const struct json_value *object, const char *key)
{
    const struct json_value *v = json_get(object, key);

    return v ? v->text : "";
}
