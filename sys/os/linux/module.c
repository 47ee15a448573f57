// SPDX-License-Identifier: ISC
/*
 * Linux: the module, the character device /dev/vmm, and the host's events:
 * CPUs that come and go, suspend, and the end of the system.
 */
#include <linux/cpuhotplug.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>
#include <linux/version.h>

#include <asm/reboot.h>

#include "os.h"
#include "vmm.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "vmm needs Linux 6.1 or newer"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#error "vmm needs a Linux whose SVM is free for modules: 6.18 or older"
#endif

static int
vmm_fop_open(struct inode *inode, struct file *file)
{
	struct vmm_file *vf;

	vf = vmm_file_create();
	if (vf == NULL)
		return -ENOMEM;
	file->private_data = vf;
	return 0;
}

static int
vmm_fop_release(struct inode *inode, struct file *file)
{
	vmm_file_destroy(file->private_data);
	return 0;
}

static long
vmm_fop_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return -vmm_ioctl(file->private_data, cmd, arg);
}

static const struct file_operations vmm_fops = {
	.owner		= THIS_MODULE,
	.open		= vmm_fop_open,
	.release	= vmm_fop_release,
	.unlocked_ioctl	= vmm_fop_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice vmm_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "vmm",
	.fops	= &vmm_fops,
	.mode	= 0660,
};

static int
vmm_cpu_online(unsigned int cpu)
{
	return -vmm_hw_cpu_online();
}

static int
vmm_cpu_offline(unsigned int cpu)
{
	vmm_hw_cpu_offline();
	return 0;
}

static int
vmm_pm_event(struct notifier_block *nb, unsigned long event, void *p)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		vmm_hw_suspend();
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		vmm_hw_resume();
		break;
	}
	return NOTIFY_OK;
}

static int
vmm_reboot_event(struct notifier_block *nb, unsigned long event, void *p)
{
	vmm_hw_suspend();
	return NOTIFY_OK;
}

static struct notifier_block vmm_pm_nb = {
	.notifier_call = vmm_pm_event,
};

static struct notifier_block vmm_reboot_nb = {
	.notifier_call = vmm_reboot_event,
};

static int vmm_cpuhp_state;

static int
vmm_register_host_events(void)
{
	int error;

	error = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "vmm:online",
	    vmm_cpu_online, vmm_cpu_offline);
	if (error < 0)
		return error;
	vmm_cpuhp_state = error;
	register_pm_notifier(&vmm_pm_nb);
	register_reboot_notifier(&vmm_reboot_nb);
	return 0;
}

static void
vmm_unregister_host_events(void)
{
	unregister_reboot_notifier(&vmm_reboot_nb);
	unregister_pm_notifier(&vmm_pm_nb);
	cpuhp_remove_state_nocalls(vmm_cpuhp_state);
}

static int __init
vmm_module_init(void)
{
	int error;

	error = -vmm_init();
	if (error)
		return error;
	error = vmm_register_host_events();
	if (error)
		goto fini;
	error = misc_register(&vmm_dev);
	if (error)
		goto unregister;
	return 0;

unregister:
	vmm_unregister_host_events();
fini:
	vmm_fini();
	return error;
}

static void __exit
vmm_module_exit(void)
{
	misc_deregister(&vmm_dev);
	vmm_unregister_host_events();
	vmm_fini();
}

module_init(vmm_module_init);
module_exit(vmm_module_exit);

MODULE_DESCRIPTION("Virtual machine monitor, the driver of /dev/vmm");
MODULE_LICENSE("Dual BSD/GPL");
