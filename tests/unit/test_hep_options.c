/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sipstat-hep, and the sockets it asks for. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "collectors/hep/hep_listen.h"
#include "collectors/hep/hep_options.h"

static struct hep_options options;
static struct err e;

static int
parse(const char *const *words)
{
    char *argv[32] = { (char[]){ "sipstat-hep" } };
    int argc = 1;

    for (; *words; words++)
        argv[argc++] = (char *)(uintptr_t)*words; /* getopt only moves them */
    return hep_options_parse(&options, argc, argv, &e);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

/* The address as it is understood, or "" when it is refused. */
static char *
address(const char *text)
{
    static char out[HEP_ENDPOINT_TEXT];
    static char nothing[] = "";
    struct config_address a;
    struct hep_endpoint endpoint;

    if (hep_options_address(text, &a, &e) != 0 || a.transport != SIPSTAT_UDP ||
        !hep_endpoint_from(&endpoint, (struct sockaddr *)&a.address))
        return nothing;
    if (a.any_host)
        snprintf(out, sizeof(out), "any:%u", endpoint.port);
    else
        hep_endpoint_text(&endpoint, out, sizeof(out));
    return out;
}

Test(hep_options, have_defaults)
{
    cr_assert(eq(int, parse((const char *const[]){ NULL }), 0));
    cr_assert(eq(str, (char *)options.config_file, SIPMIB_CONFIG_FILE));
    cr_assert(eq(ptr, (void *)options.dir, NULL));
    cr_assert(eq(sz, options.n_listen, 0));
    cr_assert(not(options.only_check));
}

Test(hep_options, are_taken_in_long_and_short_form)
{
    cr_assert(eq(int,
                 PARSE("-v", "--config", "a.yaml", "--listen=udp:127.0.0.1:1", "--listen", "udp:*:2", "--dir",
                       "d", "--check", "--foreground"),
                 0));
    cr_assert(eq(str, (char *)options.config_file, "a.yaml"));
    cr_assert(eq(str, (char *)options.dir, "d"));
    cr_assert(eq(sz, options.n_listen, 2));
    cr_assert(options.only_check);
    cr_assert(options.verbose);
}

Test(hep_options, say_what_is_wrong)
{
    static const struct {
        const char *words[3];
        const char *text;
    } cases[] = {
        { { "--frob" }, "there is no option --frob" },
        { { "-f" }, "-f needs a value" },
        { { "--listen" }, "--listen needs a value" },
        { { "more" }, "\"more\" is one word too many" },
        { { "--listen", "tcp:127.0.0.1:9060" },
          "--listen: expected an address like udp:127.0.0.1:9060, got \"tcp:127.0.0.1:9060\"" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert(eq(int, parse(cases[i].words), -EINVAL));
        cr_assert(eq(str, e.text, (char *)cases[i].text));
    }
}

Test(hep_options, take_no_more_listeners_than_there_may_be)
{
    const char *words[CONFIG_LISTENERS_MAX + 2] = { NULL };

    for (int i = 0; i <= CONFIG_LISTENERS_MAX; i++)
        words[i] = "--listen=udp:127.0.0.1:0";
    cr_assert(eq(int, parse(words), -EINVAL));
}

Test(hep_address, is_ipv4_ipv6_or_any)
{
    cr_assert(eq(str, address("udp:127.0.0.1:9060"), "127.0.0.1:9060"));
    cr_assert(eq(str, address("udp:[2001:db8::1]:65535"), "[2001:db8::1]:65535"));
    cr_assert(eq(str, address("udp:*:0"), "any:0"));
}

Test(hep_address, is_nothing_else)
{
    static const char *const bad[] = {
        "",
        "udp",
        "udp:",
        "udp:127.0.0.1",
        "udp:127.0.0.1:",
        "udp:127.0.0.1:65536",
        "udp:1:2:3",
        "udp::9060",
        "udp:[]:9060",
        "udp:[*]:9060",
        "udp:127.0.0.1:+1",
        "udp:127.0.0.1:9060 ",
        "udp:::1:9",
        "udp:host:9060",
        "UDP:127.0.0.1:1",
        "udp:[::1:9060",
        "udp:127.0.0.1:123456",
        "127.0.0.1:9060",
        "udp:[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:1",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(eq(str, address(bad[i]), ""), "%s", bad[i]);
}

/* ---- sockets ---- */

static struct hep_listener
listener_at(const char *text)
{
    struct hep_listener listener;
    struct config_address a;

    cr_assert(eq(int, hep_options_address(text, &a, &e), 0));
    cr_assert(eq(int, hep_listener_open(&listener, &a, &e), 0), "%s", e.text);
    return listener;
}

static void
send_to(const struct hep_listener *listener, const void *data, size_t length)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(listener->bound.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    cr_assert(eq(int, (int)sendto(fd, data, length, 0, (struct sockaddr *)&to, sizeof(to)), (int)length));
    close(fd);
}

Test(hep_listener, port_0_becomes_a_free_port)
{
    struct hep_listener listener = listener_at("udp:127.0.0.1:0");

    cr_assert(ne(u16, listener.bound.port, 0));
    hep_listener_close(&listener);
}

Test(hep_listener, a_taken_port_is_said_with_its_address)
{
    struct hep_listener first = listener_at("udp:127.0.0.1:0"), second;
    struct config_address a;
    char text[64], expected[128];

    snprintf(text, sizeof(text), "udp:127.0.0.1:%u", first.bound.port);
    snprintf(expected, sizeof(expected), "cannot listen for HEP at %s: Address already in use", text);
    cr_assert(eq(int, hep_options_address(text, &a, &e), 0));
    cr_assert(eq(int, hep_listener_open(&second, &a, &e), -EADDRINUSE));
    cr_assert(eq(str, e.text, expected));
    hep_listener_close(&first);
}

Test(hep_listener, takes_udp_only)
{
    struct config_address a = { .transport = SIPSTAT_TCP };
    struct hep_listener listener;

    cr_assert(eq(int, hep_listener_open(&listener, &a, &e), -EINVAL));
}

Test(hep_listener, reads_all_that_waits_in_batches_and_never_waits)
{
    struct hep_listener listener = listener_at("udp:127.0.0.1:0");
    struct hep_batch *batch = hep_batch_new();
    struct hep_datagram d;

    for (uint8_t i = 0; i < HEP_BATCH + 3; i++)
        send_to(&listener, &i, 1);
    cr_assert(eq(int, hep_listener_receive(&listener, batch, true), HEP_BATCH));
    hep_batch_get(batch, HEP_BATCH - 1, &d);
    cr_assert(eq(sz, d.octets.length, 1));
    cr_assert(eq(u8, d.octets.data[0], HEP_BATCH - 1));
    cr_assert(eq(int, d.sender->sa_family, AF_INET));
    cr_assert(eq(int, hep_listener_receive(&listener, batch, false), 3));
    hep_batch_get(batch, 0, &d);
    cr_assert(eq(ptr, (void *)(uintptr_t)d.sender, NULL));
    cr_assert(eq(int, hep_listener_receive(&listener, batch, false), 0));
    hep_batch_free(batch);
    hep_listener_close(&listener);
}

Test(hep_listener, takes_the_longest_datagram_whole)
{
    static uint8_t longest[65507];
    struct hep_listener listener = listener_at("udp:*:0");
    struct hep_batch *batch = hep_batch_new();
    struct hep_datagram d;

    send_to(&listener, longest, sizeof(longest));
    cr_assert(eq(int, hep_listener_receive(&listener, batch, true), 1));
    hep_batch_get(batch, 0, &d);
    cr_assert(eq(sz, d.octets.length, sizeof(longest)));
    hep_batch_free(batch);
    hep_listener_close(&listener);
}

Test(hep_listener, says_how_many_the_socket_dropped)
{
    struct hep_listener listener = listener_at("udp:127.0.0.1:0");
    int octets = 4096;
    uint64_t dropped;

    cr_assert(eq(int, setsockopt(listener.fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets)), 0));
    for (int i = 0; i < 100; i++)
        send_to(&listener, "0123456789", 10);
    dropped = hep_listener_take_dropped(&listener);
    cr_assert(gt(u64, dropped, 50));
    cr_assert(eq(u64, hep_listener_take_dropped(&listener), 0));
    send_to(&listener, "0123456789", 10);
    cr_assert(eq(u64, hep_listener_take_dropped(&listener), 1));
    hep_listener_close(&listener);
}
