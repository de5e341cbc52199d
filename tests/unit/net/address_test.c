#include "net/address.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct address parsed(const char *text)
{
    struct address a;

    cr_assert(eq(int, address_parse(text, 5701, &a), MR_OK), "%s", text);
    return a;
}

Test(address, reads_and_writes_what_people_write)
{
    static const char *const rows[][2] = {
        {"127.0.0.1:80", "127.0.0.1:80"},
        {"10.0.0.1", "10.0.0.1:5701"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"[::1]:65535", "[::1]:65535"},
        {"[2001:db8::1]", "[2001:db8::1]:5701"},
        {"[::ffff:10.0.0.1]:1", "10.0.0.1:1"},
    };
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a = parsed(rows[i][0]);

        cr_expect(eq(str, (char *)address_text(&a, text), (char *)rows[i][1]));
    }
}

Test(address, refuses_everything_else)
{
    static const char *const rows[] = {
        "",
        ":80",
        "localhost:80",
        "10.0.0",
        "10.0.0.1:",
        "10.0.0.1:65536",
        "10.0.0.1:-1",
        "10.0.0.1:8x",
        "::1",
        "[::1",
        "[::1]80",
        "[]:80",
        "[10.0.0.1]:80",
        "10.0.0.1 :80",
        "[::1]]:80",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
    };
    struct address a = {.port = 7};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect(eq(int, address_parse(rows[i], 5701, &a), MR_ERR_MALFORMED), "%s", rows[i]);
    cr_assert(eq(int, a.port, 7));
}

Test(address, equal_is_host_and_port)
{
    struct address a = parsed("10.0.0.1:1"), b = parsed("10.0.0.1:2"), c = parsed("10.0.0.2:1");

    cr_assert(address_equal(&a, &a));
    cr_assert(not(address_equal(&a, &b)));
    cr_assert(address_same_host(&a, &b));
    cr_assert(not(address_same_host(&a, &c)));
}

Test(address, of_a_host_alone_needs_no_brackets)
{
    struct address a;
    char text[ADDRESS_TEXT];

    cr_assert(eq(int, address_of_host("::1", 5701, &a), MR_OK));
    cr_expect(eq(str, (char *)address_text(&a, text), "[::1]:5701"));
    cr_expect(eq(str, (char *)address_host(&a, text), "::1"));
    cr_expect(eq(int, address_is_loopback(&a), 1));
    cr_assert(eq(int, address_of_host("127.3.2.1", 1, &a), MR_OK));
    cr_expect(eq(str, (char *)address_text(&a, text), "127.3.2.1:1"));
    cr_expect(eq(int, address_is_loopback(&a), 1));
    cr_assert(eq(int, address_of_host("10.0.0.1", 1, &a), MR_OK));
    cr_expect(eq(int, address_is_loopback(&a), 0));
    cr_expect(eq(int, address_of_host("localhost", 1, &a), MR_ERR_MALFORMED));
    cr_expect(eq(int, address_of_host("10.0.0.1:5701", 1, &a), MR_ERR_MALFORMED));
}
