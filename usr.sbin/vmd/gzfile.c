/* SPDX-License-Identifier: ISC */

/* Files that may be compressed with gzip(1), RFC 1952; see gzfile.h. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "gzfile.h"

#define GZFILE_MAGIC0	0x1f		/* RFC 1952, section 2.3.1 */
#define GZFILE_MAGIC1	0x8b
#define GZFILE_STEP	((size_t)16 << 20)	/* the buffer grows by that */
#define GZFILE_CHUNK	65536

static int
gzfile_error(int error)
{
	errno = error;
	return (-1);
}

/* Read all of len bytes at off; ERANGE when the file is shorter. */
static int
gzfile_pread(int fd, uint64_t off, void *buf, size_t len)
{
	uint8_t	*p = buf;
	ssize_t	 n;

	for (; len > 0; p += n, off += n, len -= n) {
		n = pread(fd, p, len, (off_t)off);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return (-1);
		else if (n == 0)
			return (gzfile_error(ERANGE));
	}
	return (0);
}

/* Make room for another step of content. */
static int
gzfile_grow(struct gzfile *gz)
{
	void	*p;

	if (gz->gz_buf == NULL)
		p = mmap(NULL, GZFILE_STEP, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = mremap(gz->gz_buf, gz->gz_room, gz->gz_room + GZFILE_STEP,
		    MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return (-1);
	gz->gz_buf = p;
	gz->gz_room += GZFILE_STEP;
	return (0);
}

/* Unpack what zs holds; 1 at the end of the stream, 0 when it wants more. */
static int
gzfile_inflate(struct gzfile *gz, z_stream *zs, uint64_t limit)
{
	int	 ret;

	do {
		if (gz->gz_size == gz->gz_room && gzfile_grow(gz) == -1)
			return (-1);
		zs->next_out = gz->gz_buf + gz->gz_size;
		zs->avail_out = gz->gz_room - gz->gz_size;
		ret = inflate(zs, Z_NO_FLUSH);
		gz->gz_size = gz->gz_room - zs->avail_out;
		if (gz->gz_size > limit)
			return (gzfile_error(EFBIG));
		if (ret == Z_STREAM_END)
			return (1);
		if (ret == Z_MEM_ERROR)
			return (gzfile_error(ENOMEM));
		if (ret != Z_OK && ret != Z_BUF_ERROR)
			return (gzfile_error(EBADMSG));
	} while (zs->avail_out == 0);
	return (0);
}

/*
 * Unpack one member after the other, as gzip -d does; what follows the last
 * one and is no member is ignored.
 */
static int
gzfile_unpack(struct gzfile *gz, z_stream *zs, uint64_t limit)
{
	uint8_t	 in[GZFILE_CHUNK];
	ssize_t	 n;
	off_t	 off = 0;
	int	 ended = 0;

	for (;;) {
		if (zs->avail_in == 0) {
			n = pread(gz->gz_fd, in, sizeof(in), off);
			if (n == -1 && errno == EINTR)
				continue;
			if (n == -1)
				return (-1);
			if (n == 0)
				break;
			off += n;
			zs->next_in = in;
			zs->avail_in = n;
		}
		if (ended && (*zs->next_in != GZFILE_MAGIC0 ||
		    inflateReset(zs) != Z_OK))
			break;
		if ((ended = gzfile_inflate(gz, zs, limit)) == -1)
			return (-1);
	}
	return (ended ? 0 : gzfile_error(EBADMSG));
}

static int
gzfile_gunzip(struct gzfile *gz, uint64_t limit)
{
	z_stream	 zs;
	int		 ret;

	memset(&zs, 0, sizeof(zs));
	if (inflateInit2(&zs, MAX_WBITS + 16) != Z_OK)
		return (gzfile_error(ENOMEM));
	gz->gz_size = 0;
	ret = gzfile_unpack(gz, &zs, limit);
	inflateEnd(&zs);
	return (ret);
}

int
gzfile_open(struct gzfile *gz, int fd, uint64_t limit)
{
	struct stat	 st;
	uint8_t		 magic[2];
	int		 error;

	memset(gz, 0, sizeof(*gz));
	gz->gz_fd = fd;
	if (fstat(fd, &st) == -1)
		return (-1);
	if (!S_ISREG(st.st_mode))
		return (gzfile_error(EINVAL));
	gz->gz_size = st.st_size;
	if (gz->gz_size < sizeof(magic))
		return (0);
	if (gzfile_pread(fd, 0, magic, sizeof(magic)) == -1)
		return (-1);
	if (magic[0] != GZFILE_MAGIC0 || magic[1] != GZFILE_MAGIC1)
		return (gz->gz_size > limit ? gzfile_error(EFBIG) : 0);
	if (gzfile_gunzip(gz, limit) == -1) {
		error = errno;
		gzfile_close(gz);
		return (gzfile_error(error));
	}
	return (0);
}

void
gzfile_close(struct gzfile *gz)
{
	if (gz->gz_buf != NULL)
		munmap(gz->gz_buf, gz->gz_room);
	memset(gz, 0, sizeof(*gz));
	gz->gz_fd = -1;
}

/* 1 if the content has len bytes at off. */
static int
gzfile_has(const struct gzfile *gz, uint64_t off, uint64_t len)
{
	return (off <= gz->gz_size && len <= gz->gz_size - off);
}

int
gzfile_read(const struct gzfile *gz, uint64_t off, void *buf, size_t len)
{
	if (!gzfile_has(gz, off, len))
		return (gzfile_error(ERANGE));
	if (gz->gz_buf == NULL)
		return (gzfile_pread(gz->gz_fd, off, buf, len));
	memcpy(buf, gz->gz_buf + off, len);
	return (0);
}

int
gzfile_load(const struct gzfile *gz, uint64_t off, const struct guestmem *gm,
    uint64_t gpa, uint64_t len)
{
	ssize_t	 n;

	if (!gzfile_has(gz, off, len))
		return (gzfile_error(ERANGE));
	if (gz->gz_buf != NULL)
		return (guestmem_write(gm, gpa, gz->gz_buf + off, len));
	n = guestmem_pread(gm, gpa, len, gz->gz_fd, (off_t)off);
	if (n == -1)
		return (-1);
	return ((uint64_t)n == len ? 0 : gzfile_error(ERANGE));
}
