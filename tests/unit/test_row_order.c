/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows the status code table has, and in which order. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/row_order.h"

static struct tally sum;
static struct row_order order;
static struct control_row controls[8];
static size_t n_controls;
static uint64_t generation = 1;
static struct config_instance config = { .status_codes_observed = true };

static void
begin(void)
{
    cr_assert(eq(int, tally_init(&sum, NULL), 0));
    row_order_init(&order);
}

static void
end(void)
{
    row_order_fini(&order);
    tally_fini(&sum);
}

TestSuite(row_order, .init = begin, .fini = end);

static void
see(const char *method, unsigned code)
{
    cr_assert(ne(u32, tally_cell(&sum, tally_method(&sum, method, strlen(method)), code), 0));
}

/* Somebody asks for a row: call in the order of the table. */
static struct control_row *
ask(const char *method, unsigned code)
{
    struct control_row *row = &controls[n_controls++];

    *row = (struct control_row){ .method_octets = (uint8_t)strlen(method), .code = (uint16_t)code };
    memcpy(row->method, method, row->method_octets);
    generation++;
    return row;
}

/* "INVITE.486": seen; "INVITE.486+": asked for, too; "INVITE.486*": only asked for. */
static const char *
rows(void)
{
    static char text[1024];
    size_t used = 0;

    cr_assert(eq(int, row_order_update(&order, &sum, &config, controls, n_controls, generation, NULL), 0));
    text[0] = '\0';
    for (uint32_t k = 0; k < order.n_codes; k++) {
        const struct row_order_code *c = &order.code[k];
        const char *name =
            c->method < TALLY_METHODS ? sum.method[c->method].name : controls[c->control - 1].method;

        if (c->cell != 0)
            cr_assert(eq(uint, sum.cell[c->cell].code, c->code));
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s.%u%s", k ? " " : "", name, c->code,
                                 !c->control ? ""
                                 : c->cell   ? "+"
                                             : "*");
    }
    return text;
}

Test(row_order, sorts_what_was_seen_by_length_of_the_name_then_name_then_code)
{
    see("REGISTER", 200);
    see("CANCEL", 487);
    see("INVITE", 999);
    see("INVITE", 100);
    see("BYE", 200);
    see("ACK", 200);
    cr_assert(eq(str, (char *)rows(), "ACK.200 BYE.200 CANCEL.487 INVITE.100 INVITE.999 REGISTER.200"));
}

Test(row_order, merges_what_was_asked_for)
{
    ask("BYE", 481);
    ask("INVITE", 100);
    ask("INVITE", 486);
    ask("REGISTER", 403);
    see("INVITE", 486);
    see("INVITE", 487);
    see("INVITE", 180);
    cr_assert(
        eq(str, (char *)rows(), "BYE.481* INVITE.100* INVITE.180 INVITE.486+ INVITE.487 REGISTER.403*"));
}

Test(row_order, has_rows_of_names_that_nothing_else_knows)
{
    ask("A", 200);
    ask("ZAP", 200);
    ask("ZEBRAFISH", 200);
    see("BYE", 200);
    cr_assert(eq(str, (char *)rows(), "A.200* BYE.200 ZAP.200* ZEBRAFISH.200*"));
    cr_assert(eq(uint, order.code[0].method, TALLY_METHODS));
    cr_assert(eq(uint, order.code[3].method, TALLY_METHODS));
}

Test(row_order, knows_the_method_of_a_row_that_was_never_counted)
{
    ask("BYE", 481);
    tally_method(&sum, "ZAP", 3);
    ask("ZAP", 200);
    rows();
    cr_assert(eq(uint, order.code[0].method, METHOD_BYE));
    cr_assert(eq(uint, order.code[1].method, TALLY_OTHER + 1));
}

Test(row_order, leaves_hidden_rows_out_whether_they_were_seen_or_not)
{
    see("INVITE", 486);
    see("INVITE", 487);
    ask("BYE", 481)->is_hidden = true;
    ask("INVITE", 486)->is_hidden = true;
    cr_assert(eq(str, (char *)rows(), "INVITE.487"));
    controls[1].is_hidden = false;
    generation++;
    cr_assert(eq(str, (char *)rows(), "INVITE.486+ INVITE.487"));
}

Test(row_order, leaves_out_what_was_only_seen_where_rows_are_configured)
{
    config.status_codes_observed = false;
    see("INVITE", 486);
    see("INVITE", 487);
    ask("INVITE", 180);
    ask("INVITE", 487);
    cr_assert(eq(str, (char *)rows(), "INVITE.180* INVITE.487+"));
}

Test(row_order, is_made_anew_only_when_something_changed)
{
    const struct row_order_code *before;

    see("INVITE", 486);
    rows();
    before = order.code;
    rows();
    cr_assert(eq(ptr, (void *)order.code, (void *)before));
    see("INVITE", 487);
    cr_assert(eq(str, (char *)rows(), "INVITE.486 INVITE.487"));
    ask("BYE", 481);
    cr_assert(eq(str, (char *)rows(), "BYE.481* INVITE.486 INVITE.487"));
}

Test(row_order, has_no_rows_where_nothing_is)
{
    cr_assert(eq(str, (char *)rows(), ""));
    ask("BYE", 481)->is_hidden = true;
    cr_assert(eq(str, (char *)rows(), ""));
}

Test(row_order, sorts_methods_and_knows_which_are_configured)
{
    char zap[] = "ZAP", *methods[] = { zap };

    config.methods = methods;
    config.n_methods = 1;
    row_order_seed(&sum, &config);
    rows();
    cr_assert(eq(u32, order.n_methods, sum.methods));
    cr_assert(order.is_configured[TALLY_OTHER + 1]);
    cr_assert(not(order.is_configured[METHOD_INVITE]));
    cr_assert(eq(uint, order.method[0], METHOD_ACK));
    cr_assert(eq(uint, order.method[2], TALLY_OTHER + 1));
}
