/* serve.h - the functions behind serve.def. Each is in the file of its service. */
#ifndef GRID_DOOR_SERVE_H
#define GRID_DOOR_SERVE_H

#include "grid/door/dispatch.h"

#define SERVE(name, permission, where)                                                             \
    mr_rc_t serve_##name(struct call *c, const struct name##_req *q);
#include "grid/door/serve.def"
#undef SERVE

#endif
