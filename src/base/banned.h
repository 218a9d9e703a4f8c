/* banned: functions nobody here may call, because the ordinary way to use them is a fault. Every C source of the
 * program (not the tests) is compiled with this header before its first line (meson.build), so that a use is a compile error
 * that names the function.
 *
 * Write instead: memory_text, buffer_add and snprintf for strcpy and friends; slices for strtok; decimal_parse or strtoll with
 * its end checked for atoi; random.h or os_random for rand; base/time.h and govern/zone.h for localtime and friends (they take
 * the time as an argument, and no hidden zone); memory_get or an arena for alloca.
 *
 * The system headers that declare them come first: a poisoned name must not appear even in a declaration. */
#ifndef ONEFOLD_BASE_BANNED_H
#define ONEFOLD_BASE_BANNED_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy stpcpy strcat strncpy strncat sprintf vsprintf gets
#pragma GCC poison strtok strtok_r
#pragma GCC poison atoi atol atoll
#pragma GCC poison rand srand rand_r srandom drand48
#pragma GCC poison localtime gmtime ctime asctime ctime_r asctime_r localtime_r mktime
#pragma GCC poison tmpnam tempnam mktemp
#undef alloca
#pragma GCC poison alloca

#endif
