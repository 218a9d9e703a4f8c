/* os_sim: the simulated system: files in memory that forget what was not synced, a clock and random numbers under the
 * test's control, and failures on demand. Same seed and same calls, same outcome.
 *
 * What it keeps apart: of every file, the bytes a process sees and the bytes that survive a power loss, with the
 * writes, truncations and allocations between them; of every folder, the names seen and the names that survive.
 * os_sync of a file carries its bytes over, os_sync_folder its names (os_make_folder and the removal of a folder are
 * durable at once).
 *
 * Power loss keeps any part of what was not synced: nothing, all, a first part, or a random subset, a write torn
 * between sectors of 512 bytes, a name or not. A rename is whole or not at all. Afterwards every call fails with IO
 * until os_sim_restart. os_sim_restart without a power loss is a killed process: what was written is seen again,
 * though still not durable; handles from before are dead (calls with them answer IO; os_close still frees them),
 * locks are gone.
 *
 * A sync that is made to fail keeps a random part of the writes and forgets for ever that the rest was ever pending,
 * as Linux does: it is still seen, a later sync says OK without it, os_drop_cache or a power loss shows that it is
 * gone. os_stop returns, and every later call fails until the restart.
 *
 * To test against every possible failure: run once, read os_sim_calls; then for k = 1, 2, ... start over and fail, or
 * lose power at, call k.
 *
 * Thread: any (one mutex inside); for the same outcome on every run the calls must come in the same order. */
#ifndef ONEFOLD_OS_OS_SIM_H
#define ONEFOLD_OS_OS_SIM_H

#include "os/os.h"

struct os_sim;

#define OS_SIM_SECTOR_BYTES 512

/* An empty file system, unlimited, at time 0. Free with os_sim_free after every handle was closed. */
struct os_sim *os_sim_create(uint64_t seed);
void os_sim_free(struct os_sim *sim);
/* The table to hand to the code under test; valid as long as `sim`. */
struct os *os_sim_os(struct os_sim *sim);

/* Now. */
void os_sim_power_loss(struct os_sim *sim);
void os_sim_restart(struct os_sim *sim);

/* Calls made so far that could have failed (all but close, unmap, the clock, random bytes and os_stop). */
uint64_t os_sim_calls(const struct os_sim *sim);
/* The n-th such call from now on (1 = the next) answers `status`: a write after a random part of it was done, a sync
 * as above, any other call without effect. 0 = none. One at a time. */
void os_sim_fail_call(struct os_sim *sim, uint64_t n, enum status status);
/* The power goes at the n-th such call from now on; the call may have had its effect. 0 = never. */
void os_sim_lose_power_at(struct os_sim *sim, uint64_t n);
/* The process ends there instead: every later call fails, but what was written is still seen after os_sim_restart. */
void os_sim_kill_at(struct os_sim *sim, uint64_t n);
/* True between a power loss, kill or os_stop and os_sim_restart. */
bool os_sim_down(const struct os_sim *sim);
/* True if the code under test called os_stop since the last restart. */
bool os_sim_stopped(const struct os_sim *sim);
/* What all files together may take; past it DISK_FULL. 0 = unlimited. */
void os_sim_set_disk_bytes(struct os_sim *sim, uint64_t bytes);

/* The wall clock; the monotonic one stays. */
void os_sim_set_ms(struct os_sim *sim, int64_t now_ms);
/* Both clocks. They never move by themselves. */
void os_sim_advance_ms(struct os_sim *sim, uint64_t ms);

#endif
