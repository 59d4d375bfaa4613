/* SPDX-License-Identifier: BSD-2-Clause */
/* The registrar: an address-of-record has bindings, each with its expiry; a 2xx lists them all (RFC 3261 10.3). */
#include "collectors/stacks/re/server.h"

#include <string.h>

enum {
    HASH_SIZE = 1024,
    USERS_MAX = 100000,
    CONTACTS_MAX = 16 /* per address-of-record, and in one request */
};

struct registrar {
    struct sip *sip;
    struct hash *users;
    size_t n_users;
    uint32_t min_expiry_s;
};

struct user {
    struct le le;
    struct registrar *registrar;
    char *aor; /* user@host */
    struct list bindings;
};

struct binding {
    struct le le;
    struct tmr expiry;
    char *uri;
    char *call_id;
    uint32_t cseq;
};

/* What one request wants for one contact. */
struct wish {
    struct pl uri;
    uint32_t expires_s;
};

struct wishes {
    struct wish list[CONTACTS_MAX];
    size_t count;
    uint32_t default_expires_s;
    bool is_all_gone; /* Contact: * */
    uint16_t refusal; /* status code, 0: none */
};

static void
registrar_destroy(void *arg)
{
    struct registrar *r = arg;

    hash_flush(r->users);
    mem_deref(r->users);
}

struct registrar *
registrar_new(struct sip *sip, uint32_t min_expiry_s)
{
    struct registrar *r = mem_zalloc(sizeof(*r), registrar_destroy);

    if (!r || hash_alloc(&r->users, HASH_SIZE) != 0)
        return mem_deref(r);
    r->sip = sip;
    r->min_expiry_s = min_expiry_s;
    return r;
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static void
binding_destroy(void *arg)
{
    struct binding *b = arg;

    tmr_cancel(&b->expiry);
    list_unlink(&b->le);
    mem_deref(b->uri);
    mem_deref(b->call_id);
}

static void
user_destroy(void *arg)
{
    struct user *u = arg;

    u->registrar->n_users--;
    hash_unlink(&u->le);
    list_flush(&u->bindings);
    mem_deref(u->aor);
}

static bool
is_user(struct le *le, void *arg)
{
    const struct user *u = le->data;

    return strcmp(u->aor, arg) == 0;
}

static struct user *
user_add(struct registrar *r, char *aor)
{
    struct user *u;

    if (r->n_users == USERS_MAX || (u = mem_zalloc(sizeof(*u), user_destroy)) == NULL)
        return NULL;
    u->registrar = r;
    u->aor = mem_ref(aor);
    hash_append(r->users, hash_joaat_str(aor), &u->le, u);
    r->n_users++;
    return u;
}

/* The user of the To header field, made when not there yet. NULL: no room. */
static struct user *
user_get(struct registrar *r, const struct sip_msg *request)
{
    struct user *u;
    char *aor;

    if (re_sdprintf(&aor, "%r@%r", &request->to.uri.user, &request->to.uri.host) != 0)
        return NULL;
    u = list_ledata(hash_lookup(r->users, hash_joaat_str(aor), is_user, aor));
    if (!u)
        u = user_add(r, aor);
    mem_deref(aor);
    return u;
}

static struct binding *
binding_find(const struct user *u, const struct pl *uri)
{
    struct le *le;

    LIST_FOREACH(&u->bindings, le)
    {
        struct binding *b = le->data;

        if (pl_strcmp(uri, b->uri) == 0)
            return b;
    }
    return NULL;
}

static void
binding_expired(void *arg)
{
    mem_deref(arg);
}

/* Make or renew a binding. False: no memory, or too many. */
static bool
binding_set(struct user *u, const struct wish *wish, const struct sip_msg *request)
{
    struct binding *b = binding_find(u, &wish->uri);

    if (!b) {
        if (list_count(&u->bindings) >= CONTACTS_MAX)
            return false;
        b = mem_zalloc(sizeof(*b), binding_destroy);
        if (!b)
            return false;
        if (pl_strdup(&b->uri, &wish->uri) != 0) {
            mem_deref(b);
            return false;
        }
        list_append(&u->bindings, &b->le, b);
    }
    mem_deref(b->call_id);
    b->call_id = NULL;
    (void)pl_strdup(&b->call_id, &request->callid);
    b->cseq = request->cseq.num;
    tmr_start(&b->expiry, (uint64_t)wish->expires_s * 1000, binding_expired, b);
    return true;
}

/* ---- what the request asks for ---------------------------------------------------------------------------------- */

static bool
read_contact(const struct sip_hdr *header, const struct sip_msg *request, void *arg)
{
    struct wishes *w = arg;
    struct sip_addr contact;
    struct pl expires;
    struct wish *wish;

    (void)request;
    if (pl_strcmp(&header->val, "*") == 0) {
        w->is_all_gone = true;
        return false;
    }
    if (w->count == CONTACTS_MAX || sip_addr_decode(&contact, &header->val) != 0) {
        w->refusal = 400;
        return true;
    }
    wish = &w->list[w->count++];
    wish->uri = contact.auri;
    wish->expires_s = w->default_expires_s;
    if (msg_param_decode(&contact.params, "expires", &expires) == 0)
        wish->expires_s = pl_u32(&expires);
    if (wish->expires_s > REGISTRAR_EXPIRY_S)
        wish->expires_s = REGISTRAR_EXPIRY_S;
    return false;
}

static void
read_wishes(const struct registrar *r, const struct sip_msg *request, struct wishes *w)
{
    memset(w, 0, sizeof(*w));
    w->default_expires_s = pl_isset(&request->expires) ? pl_u32(&request->expires) : REGISTRAR_EXPIRY_S;
    sip_msg_hdr_apply(request, true, SIP_HDR_CONTACT, read_contact, w);
    if (w->is_all_gone && (w->count > 0 || w->default_expires_s != 0))
        w->refusal = 400;
    for (size_t i = 0; i < w->count && !w->refusal; i++)
        if (w->list[i].expires_s > 0 && w->list[i].expires_s < r->min_expiry_s)
            w->refusal = 423;
}

/* RFC 3261 10.3 step 7: within one Call-ID the CSeq must rise. */
static bool
is_out_of_order(const struct user *u, const struct wishes *w, const struct sip_msg *request)
{
    struct le *le;

    LIST_FOREACH(&u->bindings, le)
    {
        const struct binding *b = le->data;

        if (!b->call_id || pl_strcmp(&request->callid, b->call_id) != 0 || request->cseq.num > b->cseq)
            continue;
        for (size_t i = 0; i < w->count; i++)
            if (pl_strcmp(&w->list[i].uri, b->uri) == 0)
                return true;
        if (w->is_all_gone)
            return true;
    }
    return false;
}

static uint16_t
apply_wishes(struct user *u, const struct wishes *w, const struct sip_msg *request)
{
    if (is_out_of_order(u, w, request))
        return 500;
    if (w->is_all_gone)
        list_flush(&u->bindings);
    for (size_t i = 0; i < w->count; i++) {
        if (w->list[i].expires_s == 0)
            mem_deref(binding_find(u, &w->list[i].uri));
        else if (!binding_set(u, &w->list[i], request))
            return 503;
    }
    return 200;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static int
print_bindings(struct re_printf *pf, const struct user *u)
{
    struct le *le;
    int err = 0;

    LIST_FOREACH(&u->bindings, le)
    {
        const struct binding *b = le->data;

        err |= re_hprintf(pf, "Contact: <%s>;expires=%u\r\n", b->uri,
                          (unsigned)((tmr_get_expire(&b->expiry) + 999) / 1000));
    }
    return err;
}

static void
accept_request(struct registrar *r, const struct sip_msg *request, const struct user *u)
{
    (void)sip_treplyf(NULL, NULL, r->sip, request, false, 200, "OK", "%HContent-Length: 0\r\n\r\n",
                      print_bindings, u);
}

static void
refuse_request(struct registrar *r, const struct sip_msg *request, uint16_t code)
{
    switch (code) {
    case 400: (void)sip_treply(NULL, r->sip, request, 400, "Bad Contact"); break;
    case 423:
        (void)sip_treplyf(NULL, NULL, r->sip, request, false, 423, "Interval Too Brief",
                          "Min-Expires: %u\r\nContent-Length: 0\r\n\r\n", r->min_expiry_s);
        break;
    case 500: (void)sip_treply(NULL, r->sip, request, 500, "CSeq Out Of Order"); break;
    default: (void)sip_treply(NULL, r->sip, request, 503, "No Room"); break;
    }
}

void
registrar_request(struct registrar *r, const struct sip_msg *request)
{
    struct wishes wishes;
    struct user *u = user_get(r, request);
    uint16_t code = 503;

    read_wishes(r, request, &wishes);
    if (u)
        code = wishes.refusal ? wishes.refusal : apply_wishes(u, &wishes, request);
    if (code == 200)
        accept_request(r, request, u);
    else
        refuse_request(r, request, code);
    if (u && list_isempty(&u->bindings))
        mem_deref(u);
}
