/* SPDX-License-Identifier: ISC */

/*
 * Virtio over PCI, VIRTIO 1.1 section 4.1: the structures of the modern
 * transport in one I/O BAR, and the vendor capabilities that point to them.
 */

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>

#include "virtio.h"

#define VIRTIO_BAR		0
#define VIRTIO_COMMON_LEN	((uint32_t)sizeof(struct virtio_pci_common_cfg))
#define VIRTIO_NOTIFY_LEN	4
#define VIRTIO_ISR_LEN		1

_Static_assert(sizeof(struct virtio_pci_cap) == 16, "section 4.1.4");
_Static_assert(sizeof(struct virtio_pci_notify_cap) == 20, "section 4.1.4.4");
_Static_assert(sizeof(struct virtio_pci_cfg_cap) == 20, "section 4.1.4.7");
_Static_assert(sizeof(struct virtio_pci_common_cfg) ==
    VIRTIO_PCI_COMMON_Q_USEDHI + 4, "section 4.1.4.3");

/* A register of the common configuration up to the queue addresses. */
struct common_reg {
	uint8_t		 off;
	uint8_t		 width;
	uint32_t	 (*get)(struct virtio *);
	void		 (*set)(struct virtio *, uint32_t val);
};

static uint32_t
get_offered_sel(struct virtio *v)
{
	return (v->v_offered_sel);
}

static void
set_offered_sel(struct virtio *v, uint32_t val)
{
	v->v_offered_sel = val;
}

static uint32_t
get_offered(struct virtio *v)
{
	return (v->v_offered_sel > 1 ? 0 :
	    v->v_offered >> (32 * v->v_offered_sel));
}

static uint32_t
get_accepted_sel(struct virtio *v)
{
	return (v->v_accepted_sel);
}

static void
set_accepted_sel(struct virtio *v, uint32_t val)
{
	v->v_accepted_sel = val;
}

static uint32_t
get_accepted(struct virtio *v)
{
	return (v->v_accepted_sel > 1 ? 0 :
	    v->v_accepted >> (32 * v->v_accepted_sel));
}

/* There is no MSI-X: no vector can be set. */
static uint32_t
get_vector(struct virtio *v)
{
	(void)v;
	return (VIRTIO_MSI_NO_VECTOR);
}

static void
set_vector(struct virtio *v, uint32_t val)
{
	if (val != VIRTIO_MSI_NO_VECTOR)
		v->v_stats.vs_bad_write++;
}

static uint32_t
get_num_queues(struct virtio *v)
{
	return (v->v_class->vc_nqueues);
}

static uint32_t
get_status(struct virtio *v)
{
	return (v->v_status);
}

static void
set_status(struct virtio *v, uint32_t val)
{
	virtio_set_status(v, val);
}

static uint32_t
get_generation(struct virtio *v)
{
	return (v->v_generation);
}

static uint32_t
get_queue_sel(struct virtio *v)
{
	return (v->v_queue_sel);
}

static void
set_queue_sel(struct virtio *v, uint32_t val)
{
	v->v_queue_sel = val;
}

static uint32_t
get_queue_size(struct virtio *v)
{
	const struct virtqueue	*vq = virtio_selected(v);

	return (vq == NULL ? 0 : vq->vq_size);
}

static void
set_queue_size(struct virtio *v, uint32_t val)
{
	struct virtqueue	*vq = virtio_selected(v);

	if (vq == NULL || vq->vq_enabled || !virtqueue_size_valid(vq, val)) {
		v->v_stats.vs_bad_write++;
		return;
	}
	vq->vq_size = val;
}

static uint32_t
get_queue_enable(struct virtio *v)
{
	const struct virtqueue	*vq = virtio_selected(v);

	return (vq != NULL && vq->vq_enabled);
}

static void
set_queue_enable(struct virtio *v, uint32_t val)
{
	if (val != 1) {
		v->v_stats.vs_bad_write++;
		return;
	}
	virtio_enable_queue(v);
}

/* All queues are notified at the same address. */
static uint32_t
get_queue_noff(struct virtio *v)
{
	(void)v;
	return (0);
}

static const struct common_reg common_regs[] = {
    { VIRTIO_PCI_COMMON_DFSELECT, 4, get_offered_sel, set_offered_sel },
    { VIRTIO_PCI_COMMON_DF, 4, get_offered, NULL },
    { VIRTIO_PCI_COMMON_GFSELECT, 4, get_accepted_sel, set_accepted_sel },
    { VIRTIO_PCI_COMMON_GF, 4, get_accepted, virtio_set_features },
    { VIRTIO_PCI_COMMON_MSIX, 2, get_vector, set_vector },
    { VIRTIO_PCI_COMMON_NUMQ, 2, get_num_queues, NULL },
    { VIRTIO_PCI_COMMON_STATUS, 1, get_status, set_status },
    { VIRTIO_PCI_COMMON_CFGGENERATION, 1, get_generation, NULL },
    { VIRTIO_PCI_COMMON_Q_SELECT, 2, get_queue_sel, set_queue_sel },
    { VIRTIO_PCI_COMMON_Q_SIZE, 2, get_queue_size, set_queue_size },
    { VIRTIO_PCI_COMMON_Q_MSIX, 2, get_vector, set_vector },
    { VIRTIO_PCI_COMMON_Q_ENABLE, 2, get_queue_enable, set_queue_enable },
    { VIRTIO_PCI_COMMON_Q_NOFF, 2, get_queue_noff, NULL },
};
#define NCOMMON_REGS	(sizeof(common_regs) / sizeof(common_regs[0]))

_Static_assert(VIRTIO_PCI_COMMON_Q_USEDLO == VIRTIO_PCI_COMMON_Q_DESCLO +
    8 * VIRTQ_USED, "areas are in the order of their registers");

/* The area address that holds byte off, of which two dwords are visible. */
static uint64_t *
queue_addr(struct virtqueue *vq, uint32_t off)
{
	return (&vq->vq_addr[(off - VIRTIO_PCI_COMMON_Q_DESCLO) / 8]);
}

/* The register that byte off belongs to; the table has no holes. */
static const struct common_reg *
common_find(uint32_t off)
{
	unsigned int	 i;

	for (i = NCOMMON_REGS - 1; i > 0; i--)
		if (common_regs[i].off <= off)
			break;
	return (&common_regs[i]);
}

static uint8_t
common_read_byte(struct virtio *v, uint32_t off)
{
	const struct common_reg	*r;
	struct virtqueue	*vq;

	if (off >= VIRTIO_PCI_COMMON_Q_DESCLO) {
		if ((vq = virtio_selected(v)) == NULL)
			return (0);
		return (*queue_addr(vq, off) >> (8 * (off % 8)));
	}
	r = common_find(off);
	return (r->get(v) >> (8 * (off - r->off)));
}

/* Reads have no effect, so any width may be put together from bytes. */
static uint32_t
common_read(struct virtio *v, uint32_t off, unsigned int size)
{
	uint32_t	 val = 0;
	unsigned int	 i;

	for (i = 0; i < size; i++)
		val |= (uint32_t)common_read_byte(v, off + i) << (8 * i);
	return (val);
}

/* The driver sets one half of an address; not once the queue is in use. */
static void
queue_addr_write(struct virtio *v, uint32_t off, unsigned int size,
    uint32_t val)
{
	struct virtqueue	*vq = virtio_selected(v);
	unsigned int		 shift = 8 * (off % 8);
	uint64_t		*addr;

	if (off % 4 != 0 || size != 4) {
		v->v_stats.vs_bad_access++;
		return;
	}
	if (vq == NULL || vq->vq_enabled) {
		v->v_stats.vs_bad_write++;
		return;
	}
	addr = queue_addr(vq, off);
	*addr &= ~((uint64_t)UINT32_MAX << shift);
	*addr |= (uint64_t)val << shift;
}

/* Section 4.1.3.1: drivers write registers whole. */
static void
common_write(struct virtio *v, uint32_t off, unsigned int size, uint32_t val)
{
	const struct common_reg	*r;

	if (off >= VIRTIO_PCI_COMMON_Q_DESCLO) {
		queue_addr_write(v, off, size, val);
		return;
	}
	r = common_find(off);
	if (r->off != off || r->width != size || r->set == NULL) {
		v->v_stats.vs_bad_access++;
		return;
	}
	r->set(v, val);
}

static uint32_t
notify_read(struct virtio *v, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	v->v_stats.vs_bad_access++;
	return (0);
}

static void
notify_write(struct virtio *v, uint32_t off, unsigned int size, uint32_t val)
{
	if (off != 0 || size != 2) {
		v->v_stats.vs_bad_access++;
		return;
	}
	virtio_notify(v, val);
}

static uint32_t
isr_read(struct virtio *v, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return (virtio_read_isr(v));
}

static uint32_t
device_read(struct virtio *v, uint32_t off, unsigned int size)
{
	uint32_t	 val = 0;

	memcpy(&val, v->v_config + off, size);
	return (val);
}

/* What no driver may write. */
static void
readonly_write(struct virtio *v, uint32_t off, unsigned int size, uint32_t val)
{
	(void)off;
	(void)size;
	(void)val;
	v->v_stats.vs_bad_access++;
}

/* The structures in the BAR. */
struct virtio_region {
	uint8_t		 type;		/* of the capability */
	uint32_t	 off;
	uint32_t	 len;		/* 0: that of the device config */
	uint32_t	 (*read)(struct virtio *, uint32_t, unsigned int);
	void		 (*write)(struct virtio *, uint32_t, unsigned int,
			    uint32_t);
};

static const struct virtio_region regions[] = {
	{ VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_IO_COMMON, VIRTIO_COMMON_LEN,
	    common_read, common_write },
	{ VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_IO_NOTIFY, VIRTIO_NOTIFY_LEN,
	    notify_read, notify_write },
	{ VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_IO_ISR, VIRTIO_ISR_LEN,
	    isr_read, readonly_write },
	{ VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_IO_DEVICE, 0,
	    device_read, readonly_write },
};
#define NREGIONS	(sizeof(regions) / sizeof(regions[0]))

static uint32_t
region_len(const struct virtio *v, const struct virtio_region *r)
{
	return (r->len != 0 ? r->len : v->v_config_len);
}

/* The structure that holds all of an access; counts those in none. */
static const struct virtio_region *
region_find(struct virtio *v, uint32_t off, unsigned int size)
{
	const struct virtio_region	*r;

	for (r = regions; r < regions + NREGIONS; r++)
		if (off >= r->off && off - r->off + size <= region_len(v, r))
			return (r);
	v->v_stats.vs_bad_access++;
	return (NULL);
}

static uint32_t
virtio_io_read(void *arg, unsigned int bar, uint32_t off, unsigned int size)
{
	struct virtio			*v = arg;
	const struct virtio_region	*r = region_find(v, off, size);

	(void)bar;
	return (r == NULL ? UINT32_MAX : r->read(v, off - r->off, size));
}

static void
virtio_io_write(void *arg, unsigned int bar, uint32_t off, unsigned int size,
    uint32_t val)
{
	struct virtio			*v = arg;
	const struct virtio_region	*r = region_find(v, off, size);

	(void)bar;
	if (r != NULL)
		r->write(v, off - r->off, size, val);
}

/*
 * Section 4.1.4.7: an access to pci_cfg_data stands for one to the BAR.
 * Returns its size if reg names the data and the driver set up a legal one.
 */
static unsigned int
cfg_access(const struct virtio *v, unsigned int reg, uint32_t *off)
{
	const struct pci_dev	*pd = v->v_pci;
	unsigned int		 cap = v->v_pci_cfg;
	uint32_t		 len;

	if (reg != cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data))
		return (0);
	len = pci_conf_peek(pd, cap + VIRTIO_PCI_CAP_LENGTH, 4);
	*off = pci_conf_peek(pd, cap + VIRTIO_PCI_CAP_OFFSET, 4);
	if (pci_conf_peek(pd, cap + VIRTIO_PCI_CAP_BAR, 1) != VIRTIO_BAR ||
	    (len != 1 && len != 2 && len != 4) || *off % len != 0 ||
	    *off >= PCI_IO_BAR_SIZE)
		return (0);
	return (len);
}

static void
virtio_conf_read(void *arg, unsigned int reg, unsigned int size)
{
	struct virtio	*v = arg;
	unsigned int	 len;
	uint32_t	 off;

	(void)size;
	if ((len = cfg_access(v, reg, &off)) != 0)
		pci_conf_poke(v->v_pci, reg, len,
		    virtio_io_read(v, VIRTIO_BAR, off, len));
}

static void
virtio_conf_write(void *arg, unsigned int reg, unsigned int size)
{
	struct virtio	*v = arg;
	unsigned int	 len;
	uint32_t	 off;

	(void)size;
	if ((len = cfg_access(v, reg, &off)) != 0)
		virtio_io_write(v, VIRTIO_BAR, off, len,
		    pci_conf_peek(v->v_pci, reg, len));
}

static const struct pci_dev_ops virtio_pci_ops = {
	.io_read = virtio_io_read,
	.io_write = virtio_io_write,
	.conf_read = virtio_conf_read,
	.conf_write = virtio_conf_write,
};

/* Point to a structure of the BAR; extra bytes beyond the header are 0. */
static int
add_cap(struct virtio *v, uint8_t type, uint32_t off, uint32_t len)
{
	struct virtio_pci_notify_cap	 cap;
	size_t				 size = sizeof(cap.cap);

	memset(&cap, 0, sizeof(cap));
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG ||
	    type == VIRTIO_PCI_CAP_PCI_CFG)
		size = sizeof(cap);
	cap.cap.cap_vndr = PCI_CAP_ID_VNDR;
	cap.cap.cap_len = size;
	cap.cap.cfg_type = type;
	cap.cap.bar = VIRTIO_BAR;
	cap.cap.offset = off;
	cap.cap.length = len;
	return (pci_add_cap(v->v_pci, &cap, size));
}

static int
add_caps(struct virtio *v)
{
	const struct virtio_region	*r;
	unsigned int			 i;
	int				 cap;

	for (r = regions; r < regions + NREGIONS; r++)
		if (region_len(v, r) != 0 &&
		    add_cap(v, r->type, r->off, region_len(v, r)) == -1)
			return (-1);
	if ((cap = add_cap(v, VIRTIO_PCI_CAP_PCI_CFG, 0, 0)) == -1)
		return (-1);
	v->v_pci_cfg = cap;
	pci_conf_writable(v->v_pci, cap + VIRTIO_PCI_CAP_BAR, 0xff);
	for (i = VIRTIO_PCI_CAP_OFFSET; i < sizeof(struct virtio_pci_cfg_cap);
	    i++)
		pci_conf_writable(v->v_pci, cap + i, 0xff);
	return (0);
}

int
virtio_pci_attach(struct virtio *v)
{
	struct pci_ids	 ids = {
		.pi_vendor = VIRTIO_PCI_VENDOR,
		.pi_device = VIRTIO_PCI_DEVICE + v->v_class->vc_type,
		.pi_class = v->v_class->vc_pci_class,
		.pi_revision = VIRTIO_PCI_REVISION,
		.pi_subvendor = VIRTIO_PCI_SUBVENDOR,
		.pi_subdevice = VIRTIO_PCI_DEVICE + v->v_class->vc_type,
	};

	v->v_pci = pci_add_dev(v->v_env.ve_pci, &ids, &virtio_pci_ops, v);
	if (v->v_pci == NULL || pci_add_io_bar(v->v_pci) == -1 ||
	    pci_add_intx(v->v_pci) == -1)
		return (-1);
	return (add_caps(v));
}
