#ifndef MARTLET_CURING_SHIM_H
#define MARTLET_CURING_SHIM_H
#include <liburing.h>
#endif
