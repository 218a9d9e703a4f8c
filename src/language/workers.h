/* workers: threads that stay between calls, so that a question of two milliseconds is not spent on making threads.
 *
 * Thread: any number of callers at once; they share the threads, which are made when first needed (at most WORKERS_MAX) and never end. */
#ifndef ONEFOLD_LANGUAGE_WORKERS_H
#define ONEFOLD_LANGUAGE_WORKERS_H

#define WORKERS_MAX 63

unsigned workers_wanted(void); /* as many as there are processors, 16 at most */

/* Calls work(context, n) for n = 0 on the calling thread, and for some of 1 .. count - 1 on others where they come free in time; returns
 * when all calls have. So `work` must take its share from a common counter, and one of it must be able to do everything. */
void workers_run(unsigned count, void (*work)(void *context, unsigned number), void *context);

#endif
