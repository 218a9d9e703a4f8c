/* image: a file of named, checksummed sections, written once and read by mapping: what every part of the state is saved
 * in (docs/formats/image.md).
 *
 *     offset 0   magic "ONEFIMG1", then sections one after another, each starting at a multiple of 64
 *     directory  per section: name, offset, size, CRC32C; after the last section
 *     trailer    64 bytes at the end: directory offset and size, its CRC, magic
 *
 * Writing goes to `path`.new; image_finish syncs it, renames it over `path` and syncs the folder: the image is there whole
 * or not at all. */
#ifndef ONEFOLD_OS_IMAGE_H
#define ONEFOLD_OS_IMAGE_H

#include "os/os.h"

struct image_writer;
enum status image_create(struct os *os, const char *path, struct image_writer **writer,
                         struct fault *fault) WARN_UNUSED;
/* Starts a section; the one before ends. Names are unique, 1..47 bytes. */
enum status image_section(struct image_writer *writer, const char *name, struct fault *fault) WARN_UNUSED;
enum status image_write(struct image_writer *writer, const void *data, size_t size, struct fault *fault) WARN_UNUSED;
/* A section of one piece. */
enum status image_add(struct image_writer *writer, const char *name, const void *data, size_t size,
                      struct fault *fault) WARN_UNUSED;
/* Makes it durable under its name and frees the writer, also on failure. *bytes (may be NULL) is the file's size. */
enum status image_finish(struct image_writer *writer, uint64_t *bytes, struct fault *fault) WARN_UNUSED;
/* Gives up: removes the half-written file and frees the writer. */
void image_abandon(struct image_writer *writer);

struct image;
/* Maps `path` and checks trailer and directory. Errors: NOT_FOUND, DAMAGED (naming file and offset), IO. */
enum status image_open(struct os *os, const char *path, struct image **image, struct fault *fault) WARN_UNUSED;
/* The same image out of memory instead of a mapped file: its bytes are copied to `memory`, image_bytes() of them, 64-byte aligned (else sections
 * are not), which stays the caller's and has to stay until the copy is closed. What was checked need not be again. */
struct image *image_copy(const struct image *image, void *memory);
/* Unmaps: slices of it end here. NULL is fine. */
void image_close(struct image *image);
/* The section, 64-byte aligned; its CRC is checked the first time it is asked for when `check`. NOT_FOUND where there is none.
 * Thread: one at a time while unchecked sections remain. */
enum status image_find(struct image *image, const char *name, bool check, struct slice *section,
                       struct fault *fault) WARN_UNUSED;
uint64_t image_bytes(const struct image *image);
const char *image_data(const struct image *image); /* the whole of it; sections lie in it */

#endif
