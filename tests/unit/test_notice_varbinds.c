/* SPDX-License-Identifier: BSD-2-Clause */
/* What each notification of RFC 4780 carries. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/notice_varbinds.h"

/* The master has been up for an hour. */
static const struct mib_view view = { .now_ns = UINT64_C(10000000000000), .uptime_cs = 360000 };

static struct notice notice;
static struct notice_varbinds laid_out;
static char text[4096];

static void
set_up(void)
{
    notice = (struct notice){ .appl_index = 7,
                              .sequence = 42,
                              .time_ns = view.now_ns - UINT64_C(2500000000),
                              .method_octets = 3,
                              .method = "BYE",
                              .code = 481,
                              .in = (UINT64_C(1) << 32) + 5,
                              .out = UINT64_C(0x1ffffffff),
                              .to = "To: <sip:b@example.org>",
                              .from = "From: <sip:a@example.org>;tag=1",
                              .call_id = "Call-ID: x@y",
                              .cseq = 4294967295u,
                              .start_ns = view.now_ns - UINT64_C(60000000000),
                              .last_change_ns = view.now_ns - UINT64_C(3000000000),
                              .oper_status = 3 };
}

/* " 1.3.6...=T:value": as text, so that order, names, types and values show at once. */
static void
print_varbind(const struct notice_varbind *v, FILE *out)
{
    static const char *const syntaxes[] = {
        [NOTICE_INTEGER] = "i",   [NOTICE_UNSIGNED32] = "u", [NOTICE_COUNTER32] = "c",
        [NOTICE_TIMETICKS] = "t", [NOTICE_TEXT] = "s",       [NOTICE_OID] = "o",
    };

    for (size_t i = 0; i < v->name.length; i++)
        fprintf(out, "%c%" PRIu32, i ? '.' : ' ', v->name.id[i]);
    fprintf(out, "=%s:", syntaxes[v->syntax]);
    if (v->syntax == NOTICE_TEXT)
        fprintf(out, "%.*s", (int)v->text.length, (const char *)v->text.data);
    else if (v->syntax == NOTICE_OID)
        for (size_t i = 0; i < NOTICE_TRAP_OID_LENGTH; i++)
            fprintf(out, "%s%" PRIu32, i ? "." : "", laid_out.trap_oid[i]);
    else
        fprintf(out, "%" PRIu32, v->number);
}

/* The varbinds from number `first` on. */
static char *
lay_out(enum notice_kind kind, size_t first)
{
    FILE *out = fmemopen(text, sizeof(text), "w");

    notice.kind = kind;
    cr_assert(notice_varbinds(&notice, &view, &laid_out));
    for (size_t i = first; i < laid_out.count; i++)
        print_varbind(&laid_out.varbind[i], out);
    fclose(out);
    return text;
}

TestSuite(notice_varbinds, .init = set_up, .timeout = 10);

Test(notice_varbinds, begin_with_the_time_it_happened_at_and_its_name)
{
    cr_assert(eq(str, lay_out(NOTICE_COLD_START, 0),
                 " 1.3.6.1.2.1.1.3.0=t:359750 1.3.6.1.6.3.1.1.4.1.0=o:1.3.6.1.2.1.149.0.4"
                 " 1.3.6.1.2.1.149.1.9.6.0=u:42 1.3.6.1.2.1.149.1.9.5.0=u:7"
                 " 1.3.6.1.2.1.149.1.1.1.1.3.7=t:354000"));
}

Test(notice_varbinds, status_code_names_the_message_and_counts_the_row)
{
    cr_assert(eq(str, lay_out(NOTICE_STATUS_CODE, 1),
                 " 1.3.6.1.6.3.1.1.4.1.0=o:1.3.6.1.2.1.149.0.1"
                 " 1.3.6.1.2.1.149.1.9.6.0=u:42 1.3.6.1.2.1.149.1.9.5.0=u:7"
                 " 1.3.6.1.2.1.149.1.9.1.0=s:To: <sip:b@example.org>"
                 " 1.3.6.1.2.1.149.1.9.2.0=s:From: <sip:a@example.org>;tag=1"
                 " 1.3.6.1.2.1.149.1.9.3.0=s:Call-ID: x@y 1.3.6.1.2.1.149.1.9.4.0=u:4294967295"
                 " 1.3.6.1.2.1.149.1.5.1.1.3.7.3.66.89.69.481=c:5"
                 " 1.3.6.1.2.1.149.1.5.1.1.4.7.3.66.89.69.481=c:4294967295"));
}

Test(notice_varbinds, threshold_in_carries_ins_alone)
{
    cr_assert(eq(str, lay_out(NOTICE_THRESHOLD_IN, 1),
                 " 1.3.6.1.6.3.1.1.4.1.0=o:1.3.6.1.2.1.149.0.2"
                 " 1.3.6.1.2.1.149.1.9.6.0=u:42 1.3.6.1.2.1.149.1.9.5.0=u:7"
                 " 1.3.6.1.2.1.149.1.5.1.1.3.7.3.66.89.69.481=c:5"));
}

Test(notice_varbinds, threshold_out_carries_outs_alone)
{
    cr_assert(eq(str, lay_out(NOTICE_THRESHOLD_OUT, 1),
                 " 1.3.6.1.6.3.1.1.4.1.0=o:1.3.6.1.2.1.149.0.3"
                 " 1.3.6.1.2.1.149.1.9.6.0=u:42 1.3.6.1.2.1.149.1.9.5.0=u:7"
                 " 1.3.6.1.2.1.149.1.5.1.1.4.7.3.66.89.69.481=c:4294967295"));
}

Test(notice_varbinds, warm_start_carries_the_last_change)
{
    cr_assert(eq(str, lay_out(NOTICE_WARM_START, 1),
                 " 1.3.6.1.6.3.1.1.4.1.0=o:1.3.6.1.2.1.149.0.5"
                 " 1.3.6.1.2.1.149.1.9.6.0=u:42 1.3.6.1.2.1.149.1.9.5.0=u:7"
                 " 1.3.6.1.2.1.149.1.1.1.1.4.7=t:359700"));
}

Test(notice_varbinds, status_changed_carries_the_last_change_and_the_state)
{
    cr_assert(eq(str, lay_out(NOTICE_STATUS_CHANGED, 1),
                 " 1.3.6.1.6.3.1.1.4.1.0=o:1.3.6.1.2.1.149.0.6"
                 " 1.3.6.1.2.1.149.1.9.6.0=u:42 1.3.6.1.2.1.149.1.9.5.0=u:7"
                 " 1.3.6.1.2.1.149.1.1.1.1.4.7=t:359700 1.3.6.1.2.1.149.1.1.1.1.2.7=i:3"));
}

Test(notice_varbinds, what_happened_before_the_master_was_up_has_time_0)
{
    notice.time_ns = view.now_ns - UINT64_C(3601000000000);
    notice_varbinds(&notice, &view, &laid_out);
    lay_out(NOTICE_STATUS_CODE, 0);
    cr_assert(eq(u32, laid_out.varbind[0].number, 0));
}

Test(notice_varbinds, text_that_is_not_terminated_ends_at_255_octets)
{
    memset(notice.to, 'x', sizeof(notice.to));
    lay_out(NOTICE_STATUS_CODE, 0);
    cr_assert(eq(sz, laid_out.varbind[4].text.length, 255));
}

Test(notice_varbinds, longest_method_fits_into_a_name)
{
    notice.method_octets = METHOD_NAME_MAX;
    memset(notice.method, 'M', METHOD_NAME_MAX);
    lay_out(NOTICE_STATUS_CODE, 0);
    cr_assert(eq(sz, laid_out.varbind[9].name.length, 15 + METHOD_NAME_MAX));
}

Test(notice_varbinds, octets_of_a_method_are_not_negative)
{
    notice.method[0] = (char)0xfe;
    lay_out(NOTICE_THRESHOLD_IN, 0);
    cr_assert(eq(u32, laid_out.varbind[4].name.id[14], 0xfe));
}

Test(notice_varbinds, unknown_kind_is_refused)
{
    notice.kind = 7;
    cr_assert(not(notice_varbinds(&notice, &view, &laid_out)));
}

Test(notice_varbinds, method_that_is_too_long_is_refused)
{
    notice.kind = NOTICE_THRESHOLD_IN;
    notice.method_octets = METHOD_NAME_MAX + 1;
    cr_assert(not(notice_varbinds(&notice, &view, &laid_out)));
}
