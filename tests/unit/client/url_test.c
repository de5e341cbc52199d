#include "client/url.h"

#include <criterion/criterion.h>
#include <string.h>

static struct url u;

Test(url, has_hosts_ports_and_a_cluster)
{
    mr_err_t err = MR_ERR_INIT;

    cr_assert(url_parse("millrace://10.0.0.1:5702,grid,[2001:db8::1]:1/orders", &u, &err) == MR_OK);
    cr_assert_eq(u.count, 3);
    cr_assert_str_eq(u.hosts[0].name, "10.0.0.1");
    cr_assert_eq(u.hosts[0].port, 5702);
    cr_assert_str_eq(u.hosts[1].name, "grid");
    cr_assert_eq(u.hosts[1].port, 5701);
    cr_assert_str_eq(u.hosts[2].name, "2001:db8::1");
    cr_assert_eq(u.hosts[2].port, 1);
    cr_assert_str_eq(u.cluster, "orders");
}

Test(url, without_a_cluster_is_of_dev)
{
    mr_err_t err = MR_ERR_INIT;

    cr_assert(url_parse("millrace://localhost", &u, &err) == MR_OK);
    cr_assert_str_eq(u.cluster, "dev");
    cr_assert(url_parse("millrace://localhost/", &u, &err) == MR_OK);
    cr_assert_str_eq(u.cluster, "dev");
}

Test(url, that_is_none_is_refused_in_words)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "http://localhost",
        "millrace://",
        "millrace:///dev",
        "millrace://a,,b",
        "millrace://a,",
        "millrace://a:",
        "millrace://a:0",
        "millrace://a:65536",
        "millrace://a:12x",
        "millrace://:5701",
        "millrace://[::1",
        "millrace://[::1]5701",
        "millrace://[]:1",
        "millrace://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,6,7",
    };
    char long_one[1000] = "millrace://";

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mr_err_t err = MR_ERR_INIT;

        cr_assert(url_parse(bad[i], &u, &err) == MR_ERR_ARGUMENT, "%s", bad[i]);
        cr_assert(err.message[0] && err.hint[0], "%s", bad[i]);
    }
    memset(long_one + 11, 'a', 300);
    cr_assert(url_parse(long_one, &u, NULL) == MR_ERR_ARGUMENT);
    memcpy(long_one, "millrace://a/", 13);
    cr_assert(url_parse(long_one, &u, NULL) == MR_ERR_ARGUMENT);
    cr_assert(url_parse(NULL, &u, NULL) == MR_ERR_ARGUMENT);
}
