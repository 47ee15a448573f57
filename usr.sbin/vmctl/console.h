/* SPDX-License-Identifier: ISC */
/*
 * The console of a VM, joined to the terminal of the user.
 */
#ifndef VMCTL_CONSOLE_H
#define VMCTL_CONSOLE_H

/*
 * Copy between the terminal (or whatever standard input and output are) and
 * the pty at path until the VM ends or the user leaves with "~.". A terminal
 * is raw meanwhile, and restored on every way out, signals included; a signal
 * that ends this ends the process. Nothing is written to the pty that was not
 * typed, and nothing waiting in it is discarded. Returns 0, or 1 after it has
 * printed why not, with the VM's name.
 */
int	console_attach(const char *name, const char *path);

#endif /* VMCTL_CONSOLE_H */
