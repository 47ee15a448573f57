/* SPDX-License-Identifier: ISC */

/* The virtio block device; see vioblk.h. */

#include <linux/virtio_ids.h>
#include <string.h>

#include "vioblk.h"

#define VIOBLK_PCI_CLASS	0x010000	/* mass storage, SCSI */
#define VIOBLK_CONFIG_LEN						\
	(offsetof(struct virtio_blk_config, unused1) + 3)
#define VIOBLK_F(n)		(1ULL << (n))

_Static_assert(sizeof(struct virtio_blk_outhdr) == 16, "section 5.2.6");
_Static_assert(sizeof(struct virtio_blk_discard_write_zeroes) == 16,
    "section 5.2.6");
_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20,
    "section 5.2.4");
_Static_assert(VIOBLK_CONFIG_LEN == 60, "section 5.2.4");

/* A request: what was asked, and what came of it. */
struct vioblk_req {
	const struct virtq_chain	*chain;
	struct virtio_blk_outhdr	 hdr;
	uint64_t			 out_len; /* after the header */
	uint64_t			 in_len;  /* before the status */
	uint64_t			 written; /* of in_len, in a row */
};

#define VIOBLK_HDR_LEN	sizeof(struct virtio_blk_outhdr)

static const struct guestmem *
vioblk_gm(const struct vioblk *vb)
{
	return (vb->vb_virtio.v_env.ve_gm);
}

/* 1 if n sectors from the first on are on the disk. */
static int
vioblk_on_disk(const struct vioblk *vb, uint64_t first, uint64_t n)
{
	return (first <= vb->vb_sectors && n <= vb->vb_sectors - first);
}

/* 1 if len bytes of data can be moved at the request's sector. */
static int
vioblk_can_move(const struct vioblk *vb, const struct vioblk_req *req,
    uint64_t len)
{
	return (len % VIOBLK_SECTOR == 0 && len <= VIOBLK_MAX_REQUEST &&
	    vioblk_on_disk(vb, req->hdr.sector, len / VIOBLK_SECTOR));
}

static uint8_t
vioblk_in(struct vioblk *vb, struct vioblk_req *req)
{
	const struct virtq_chain	*vc = req->chain;
	size_t				 n;
	ssize_t				 moved;

	if (!vioblk_can_move(vb, req, req->in_len))
		return (VIRTIO_BLK_S_IOERR);
	n = virtq_slice(vc->vc_vec + vc->vc_nout, vc->vc_nin, 0, req->in_len,
	    vb->vb_vec);
	moved = vb->vb_ops->vb_pread(vb->vb_arg, vioblk_gm(vb), vb->vb_vec, n,
	    req->hdr.sector * VIOBLK_SECTOR);
	if (moved < 0)
		return (VIRTIO_BLK_S_IOERR);
	req->written = moved;
	return (req->written == req->in_len ? VIRTIO_BLK_S_OK :
	    VIRTIO_BLK_S_IOERR);
}

static uint8_t
vioblk_out(struct vioblk *vb, struct vioblk_req *req)
{
	const struct virtq_chain	*vc = req->chain;
	size_t				 n;
	ssize_t				 moved;

	if (vb->vb_readonly || !vioblk_can_move(vb, req, req->out_len))
		return (VIRTIO_BLK_S_IOERR);
	n = virtq_slice(vc->vc_vec, vc->vc_nout, VIOBLK_HDR_LEN, req->out_len,
	    vb->vb_vec);
	moved = vb->vb_ops->vb_pwrite(vb->vb_arg, vioblk_gm(vb), vb->vb_vec,
	    n, req->hdr.sector * VIOBLK_SECTOR);
	return (moved >= 0 && (uint64_t)moved == req->out_len ?
	    VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

static uint8_t
vioblk_flush(struct vioblk *vb, struct vioblk_req *req)
{
	(void)req;
	return (vb->vb_ops->vb_flush(vb->vb_arg) == 0 ? VIRTIO_BLK_S_OK :
	    VIRTIO_BLK_S_IOERR);
}

static uint8_t
vioblk_get_id(struct vioblk *vb, struct vioblk_req *req)
{
	size_t	 n = sizeof(vb->vb_id);

	if (n > req->in_len)
		n = req->in_len;
	if (virtq_chain_write(req->chain, vioblk_gm(vb), 0, vb->vb_id,
	    n) == -1)
		return (VIRTIO_BLK_S_IOERR);
	req->written = n;
	return (VIRTIO_BLK_S_OK);
}

/* Judge one range of a discard or write zeroes; the flags it may have. */
static uint8_t
vioblk_check_range(const struct vioblk *vb,
    const struct virtio_blk_discard_write_zeroes *r, uint32_t max,
    uint32_t flags)
{
	if (r->flags & ~flags)
		return (VIRTIO_BLK_S_UNSUPP);
	if (r->num_sectors > max ||
	    !vioblk_on_disk(vb, r->sector, r->num_sectors))
		return (VIRTIO_BLK_S_IOERR);
	return (VIRTIO_BLK_S_OK);
}

static int
vioblk_zero_range(struct vioblk *vb, uint64_t off, uint64_t len,
    uint32_t flags)
{
	if (vb->vb_ops->vb_zero == NULL)
		return (-1);
	return (vb->vb_ops->vb_zero(vb->vb_arg, off, len,
	    (flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0));
}

static int
vioblk_discard_range(struct vioblk *vb, uint64_t off, uint64_t len,
    uint32_t flags)
{
	(void)flags;
	if (vb->vb_ops->vb_discard == NULL)
		return (-1);
	return (vb->vb_ops->vb_discard(vb->vb_arg, off, len));
}

/* Do something to each range that the data lists. */
static uint8_t
vioblk_ranges(struct vioblk *vb, struct vioblk_req *req, uint32_t max,
    uint32_t flags, int (*fn)(struct vioblk *, uint64_t, uint64_t, uint32_t))
{
	struct virtio_blk_discard_write_zeroes	 r;
	uint64_t				 off;
	uint8_t					 status;

	if (vb->vb_readonly || req->out_len == 0 ||
	    req->out_len % sizeof(r) != 0 ||
	    req->out_len / sizeof(r) > VIOBLK_RANGES_MAX)
		return (VIRTIO_BLK_S_IOERR);
	for (off = 0; off < req->out_len; off += sizeof(r)) {
		if (virtq_chain_read(req->chain, vioblk_gm(vb),
		    VIOBLK_HDR_LEN + off, &r, sizeof(r)) == -1)
			return (VIRTIO_BLK_S_IOERR);
		status = vioblk_check_range(vb, &r, max, flags);
		if (status != VIRTIO_BLK_S_OK)
			return (status);
		if (fn(vb, r.sector * VIOBLK_SECTOR,
		    (uint64_t)r.num_sectors * VIOBLK_SECTOR, r.flags) == -1)
			return (VIRTIO_BLK_S_IOERR);
	}
	return (VIRTIO_BLK_S_OK);
}

static uint8_t
vioblk_discard(struct vioblk *vb, struct vioblk_req *req)
{
	if (vb->vb_ops->vb_discard == NULL)
		return (VIRTIO_BLK_S_UNSUPP);
	return (vioblk_ranges(vb, req, VIOBLK_DISCARD_MAX, 0,
	    vioblk_discard_range));
}

static uint8_t
vioblk_write_zeroes(struct vioblk *vb, struct vioblk_req *req)
{
	if (vb->vb_ops->vb_zero == NULL)
		return (VIRTIO_BLK_S_UNSUPP);
	return (vioblk_ranges(vb, req, VIOBLK_ZEROES_MAX,
	    VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP, vioblk_zero_range));
}

static const struct {
	uint32_t	 type;
	uint8_t		 (*fn)(struct vioblk *, struct vioblk_req *);
} vioblk_types[] = {
	{ VIRTIO_BLK_T_IN,		vioblk_in },
	{ VIRTIO_BLK_T_OUT,		vioblk_out },
	{ VIRTIO_BLK_T_FLUSH,		vioblk_flush },
	{ VIRTIO_BLK_T_GET_ID,		vioblk_get_id },
	{ VIRTIO_BLK_T_DISCARD,		vioblk_discard },
	{ VIRTIO_BLK_T_WRITE_ZEROES,	vioblk_write_zeroes },
};
#define VIOBLK_NTYPES	(sizeof(vioblk_types) / sizeof(vioblk_types[0]))

static uint8_t
vioblk_dispatch(struct vioblk *vb, struct vioblk_req *req)
{
	size_t	 i;

	for (i = 0; i < VIOBLK_NTYPES; i++)
		if (vioblk_types[i].type == req->hdr.type)
			return (vioblk_types[i].fn(vb, req));
	return (VIRTIO_BLK_S_UNSUPP);
}

/*
 * A header to read and a byte for the status, which is the last one, make a
 * request.  How either is cut into descriptors does not matter.
 */
static int
vioblk_request(void *dev, unsigned int q, const struct virtq_chain *vc,
    uint32_t *len)
{
	struct vioblk		*vb = dev;
	struct vioblk_req	 req = { .chain = vc };
	uint8_t			 status;

	(void)q;
	if (vc->vc_in_len == 0 || virtq_chain_read(vc, vioblk_gm(vb), 0,
	    &req.hdr, sizeof(req.hdr)) == -1)
		return (-1);
	req.out_len = vc->vc_out_len - sizeof(req.hdr);
	req.in_len = vc->vc_in_len - 1;
	status = vioblk_dispatch(vb, &req);
	if (virtq_chain_write(vc, vioblk_gm(vb), req.in_len, &status, 1) == -1)
		return (-1);
	/* The status counts only if there is no hole before it. */
	*len = req.written + (req.written == req.in_len);
	return (0);
}

static const struct virtio_class vioblk_class = {
	.vc_name = "vioblk",
	.vc_type = VIRTIO_ID_BLOCK,
	.vc_pci_class = VIOBLK_PCI_CLASS,
	.vc_nqueues = 1,
	.vc_queue_size = VIOBLK_QUEUE_SIZE,
	.vc_request = vioblk_request,
};

static uint64_t
vioblk_features(const struct vioblk *vb)
{
	uint64_t	 features = VIOBLK_F(VIRTIO_BLK_F_SIZE_MAX) |
	    VIOBLK_F(VIRTIO_BLK_F_SEG_MAX) | VIOBLK_F(VIRTIO_BLK_F_BLK_SIZE) |
	    VIOBLK_F(VIRTIO_BLK_F_FLUSH);

	if (vb->vb_readonly)
		return (features | VIOBLK_F(VIRTIO_BLK_F_RO));
	if (vb->vb_ops->vb_discard != NULL)
		features |= VIOBLK_F(VIRTIO_BLK_F_DISCARD);
	if (vb->vb_ops->vb_zero != NULL)
		features |= VIOBLK_F(VIRTIO_BLK_F_WRITE_ZEROES);
	return (features);
}

int
vioblk_init(struct vioblk *vb, const struct virtio_env *env,
    const struct vioblk_backend *ops, void *arg, const char *name,
    int readonly)
{
	struct virtio_blk_config	*cfg = &vb->vb_config;

	memset(vb, 0, sizeof(*vb));
	vb->vb_ops = ops;
	vb->vb_arg = arg;
	vb->vb_readonly = readonly;
	vb->vb_sectors = ops->vb_size(arg) / VIOBLK_SECTOR;
	memcpy(vb->vb_id, name, strnlen(name, sizeof(vb->vb_id)));

	cfg->capacity = vb->vb_sectors;
	cfg->size_max = VIOBLK_SIZE_MAX;
	cfg->seg_max = VIOBLK_SEG_MAX;
	cfg->blk_size = VIOBLK_SECTOR;
	cfg->max_discard_sectors = VIOBLK_DISCARD_MAX;
	cfg->max_discard_seg = VIOBLK_RANGES_MAX;
	cfg->discard_sector_alignment = 1;
	cfg->max_write_zeroes_sectors = VIOBLK_ZEROES_MAX;
	cfg->max_write_zeroes_seg = VIOBLK_RANGES_MAX;
	cfg->write_zeroes_may_unmap = 1;
	return (virtio_init(&vb->vb_virtio, &vioblk_class, vb, env,
	    vioblk_features(vb), cfg, VIOBLK_CONFIG_LEN));
}
