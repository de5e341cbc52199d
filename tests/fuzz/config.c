/* Any text as a configuration file; what is accepted is shown, and what is shown is accepted. */
#define _GNU_SOURCE
#include <millrace/config.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static mr_rc_t load(mr_config_t *c, const void *bytes, size_t size)
{
    mr_err_t err = MR_ERR_INIT;
    char path[64];
    int fd = memfd_create("fuzz", 0);

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    mr_rc_t rc = mr_config_load(c, path, &err);

    close(fd);
    if ((rc == MR_OK) != (err.code == MR_OK))
        abort();
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mr_config_t *c = mr_config_new(NULL), *again = mr_config_new(NULL);
    char *shown = NULL;
    size_t shown_size;

    if (!c || !again)
        abort();
    if (load(c, bytes, size) == MR_OK) {
        FILE *f = open_memstream(&shown, &shown_size);

        mr_config_show(c, f, 0);
        fclose(f);
        if (!strstr(shown, "\"***\"") && load(again, shown, shown_size) != MR_OK)
            abort();
        free(shown);
    }
    mr_config_free(c);
    mr_config_free(again);
    return 0;
}
