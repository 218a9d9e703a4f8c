/* own_folder_client: a folder in /tmp for a test's files that was not there before and is removed when the process ends: another run, another user's
 * or what a killed one left behind cannot meet it. One a process. */
#ifndef ONEFOLD_TESTS_OWN_FOLDER_CLIENT_H
#define ONEFOLD_TESTS_OWN_FOLDER_CLIENT_H

/* Its path; made at the first call, which names it. */
const char *own_folder(const char *test);
/* Goes into it, so that relative paths are files of the test. */
void own_folder_enter(const char *test);

#endif
