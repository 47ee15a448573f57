/* SPDX-License-Identifier: ISC */
/*
 * The table of vmctl status.
 */
#ifndef VMCTL_STATUS_H
#define VMCTL_STATUS_H

#include <stdio.h>

#include "vmd.h"

void	status_print_header(FILE *);

/* One line for a VM; what a VM that is not running does not have is "-". */
void	status_print_vm(FILE *, const struct vmop_info_result *);

#endif /* VMCTL_STATUS_H */
