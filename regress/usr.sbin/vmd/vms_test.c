/* SPDX-License-Identifier: ISC */
/* Promises about the parent's list of VMs, definitions and permissions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <cmocka.h>

#include "vms.h"

#define MIB	(1ULL << 20)

static char text[VM_TEXT_MAX];

static struct vmop_create_params
definition(const char *name)
{
	struct vmop_create_params vmc;

	conf_vm_defaults(&vmc, name);
	strlcpy(vmc.vmc_boot, "/boot", sizeof(vmc.vmc_boot));
	return vmc;
}

static void
free_vms(struct vms *vms)
{
	struct vmd_vm *vm;
	struct vms_name *vn;

	while ((vm = TAILQ_FIRST(&vms->vms_list)) != NULL)
		vms_remove(vms, vm);
	while ((vn = TAILQ_FIRST(&vms->vms_names)) != NULL) {
		TAILQ_REMOVE(&vms->vms_names, vn, vn_entry);
		free(vn);
	}
}

static void
id_stays_with_the_name(void **state)
{
	struct vmop_create_params a = definition("a"), b = definition("b");
	struct vms vms;
	struct vmd_vm *vm;
	uint32_t id;

	(void)state;
	vms_init(&vms);
	vm = vms_add(&vms, &a, 0);
	id = vm->vm_id;
	assert_int_not_equal(id, 0);
	assert_int_not_equal(vms_add(&vms, &b, 0)->vm_id, id);
	vms_remove(&vms, vm);
	assert_null(vms_by_id(&vms, id));
	assert_int_equal(vms_add(&vms, &a, 0)->vm_id, id);
	free_vms(&vms);
}

static struct vmd_vm *
find(const struct vms *vms, uint32_t id, const char *s)
{
	char name[VM_NAME_MAX] = { 0 };

	memcpy(name, s, strnlen(s, sizeof(name)));
	return vms_find(vms, id, name);
}

static void
vm_is_found_by_id_or_name(void **state)
{
	struct vmop_create_params a = definition("a");
	char endless[VM_NAME_MAX + 1] = "";
	struct vmd_vm *vm;
	struct vms vms;

	(void)state;
	memset(endless, 'a', VM_NAME_MAX);
	vms_init(&vms);
	vm = vms_add(&vms, &a, 1);
	assert_ptr_equal(find(&vms, vm->vm_id, ""), vm);
	assert_ptr_equal(find(&vms, 0, "a"), vm);
	assert_null(find(&vms, vm->vm_id + 1, "a"));
	assert_null(find(&vms, 0, "b"));
	assert_null(find(&vms, 0, endless));
	free_vms(&vms);
}

static void
names_are_limited(void **state)
{
	char longest[VM_NAME_MAX + 1];

	(void)state;
	assert_true(vm_name_ok("a"));
	assert_true(vm_name_ok("Debian-12.x_1"));
	assert_false(vm_name_ok(""));
	assert_false(vm_name_ok("1a"));
	assert_false(vm_name_ok("-a"));
	assert_false(vm_name_ok("a b"));
	assert_false(vm_name_ok("a/b"));
	assert_false(vm_name_ok("a\n"));
	assert_false(vm_name_ok("\xe4"));
	assert_false(vm_name_ok("a\xe4"));
	memset(longest, 'a', sizeof(longest));
	longest[VM_NAME_MAX - 1] = '\0';
	assert_true(vm_name_ok(longest));
	longest[VM_NAME_MAX - 1] = 'a';
	longest[VM_NAME_MAX] = '\0';
	assert_false(vm_name_ok(longest));
}

static int
check(struct vmop_create_params *vmc, const char *words)
{
	text[0] = '\0';
	if (vm_params_check(vmc, text, sizeof(text)) == 0)
		return 0;
	assert_non_null(strstr(text, "vm \"x\""));
	assert_non_null(strstr(text, words));
	return -1;
}

static void
memory_has_a_range(void **state)
{
	static const struct { uint64_t bytes; int ok; } cases[] = {
		{ VM_MEM_MIN, 1 }, { VM_MEM_MAX, 1 }, { 512 * MIB, 1 },
		{ 0, 0 }, { VM_MEM_MIN - 1, 0 }, { VM_MEM_MAX + MIB, 0 },
		{ MIB + 1, 0 }, { UINT64_MAX, 0 },
	};
	struct vmop_create_params vmc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vmc = definition("x");
		vmc.vmc_memory = cases[i].bytes;
		assert_int_equal(check(&vmc, "memory"), cases[i].ok - 1);
	}
}

static void
definition_is_checked_field_by_field(void **state)
{
	struct vmop_create_params vmc;

	(void)state;
	vmc = definition("x");
	assert_int_equal(check(&vmc, ""), 0);
	vmc.vmc_ncpus = 0;
	assert_int_equal(check(&vmc, "VCPU"), -1);
	vmc.vmc_ncpus = VM_MAX_CPUS + 1;
	assert_int_equal(check(&vmc, "VCPU"), -1);
	vmc = definition("x");
	strlcpy(vmc.vmc_boot, "boot", sizeof(vmc.vmc_boot));
	assert_int_equal(check(&vmc, "kernel"), -1);
	memset(vmc.vmc_boot, '/', sizeof(vmc.vmc_boot));
	assert_int_equal(check(&vmc, "kernel"), -1);
	vmc = definition("x");
	memset(vmc.vmc_initrd, '/', sizeof(vmc.vmc_initrd));
	assert_int_equal(check(&vmc, "initrd"), -1);
	vmc = definition("x");
	memset(vmc.vmc_args, 'a', sizeof(vmc.vmc_args));
	assert_int_equal(check(&vmc, "arguments"), -1);
	vmc = definition("x");
	vmc.vmc_ndisks = 1;
	assert_int_equal(check(&vmc, "disk"), -1);
	strlcpy(vmc.vmc_disks[0].vd_path, "/d", VMD_PATH_MAX);
	assert_int_equal(check(&vmc, ""), 0);
	vmc.vmc_disks[0].vd_format = 9;
	assert_int_equal(check(&vmc, "format"), -1);
	vmc.vmc_disks[0].vd_format = 0;
	vmc.vmc_ndisks = VMM_MAX_DISKS_PER_VM + 1;
	assert_int_equal(check(&vmc, "disks"), -1);
	vmc.vmc_ndisks = UINT32_MAX;
	assert_int_equal(check(&vmc, "disks"), -1);
	vmc = definition("x");
	memset(vmc.vmc_name, 'x', sizeof(vmc.vmc_name));
	assert_int_not_equal(vm_params_check(&vmc, text, sizeof(text)), 0);
}

static void
configuration_has_each_name_once(void **state)
{
	struct vmop_create_params vmc = definition("x");
	struct vmd_conf conf;

	(void)state;
	conf_init(&conf);
	assert_int_equal(conf_add_vm(&conf, &vmc, text, sizeof(text)), 0);
	assert_int_equal(conf_add_vm(&conf, &vmc, text, sizeof(text)), -1);
	assert_non_null(strstr(text, "twice"));
	conf_free(&conf);
	assert_true(TAILQ_EMPTY(&conf.cf_vms));
}

static void
request_changes_what_it_gives(void **state)
{
	struct vmop_create_params def = definition("x"), req, out;

	(void)state;
	memset(&req, 0, sizeof(req));
	assert_int_equal(vm_merge(&def, &req, &out, text, sizeof(text)), 0);
	assert_memory_equal(&out, &def, sizeof(out));
	req.vmc_memory = 7 * MIB;
	strlcpy(req.vmc_boot, "/other", sizeof(req.vmc_boot));
	strlcpy(req.vmc_args, "args", sizeof(req.vmc_args));
	req.vmc_owner.uid = 1;
	req.vmc_flags = VMOP_CREATE_MEMORY | VMOP_CREATE_ARGS |
	    VMOP_CREATE_OWNER | VMOP_CREATE_DISABLED;
	assert_int_equal(vm_merge(&def, &req, &out, text, sizeof(text)), 0);
	assert_int_equal(out.vmc_memory, 7 * MIB);
	assert_string_equal(out.vmc_args, "args");
	assert_string_equal(out.vmc_boot, "/boot");
	assert_int_equal(out.vmc_owner.uid, 0);
	assert_int_equal(out.vmc_flags & ~VMOP_CREATE_REQUEST, 0);
}

static void
disks_are_added_up_to_the_limit(void **state)
{
	struct vmop_create_params def = definition("x"), req, out;

	(void)state;
	memset(&req, 0, sizeof(req));
	def.vmc_ndisks = 3;
	req.vmc_flags = VMOP_CREATE_DISK;
	req.vmc_ndisks = 1;
	strlcpy(req.vmc_disks[0].vd_path, "/new", VMD_PATH_MAX);
	assert_int_equal(vm_merge(&def, &req, &out, text, sizeof(text)), 0);
	assert_int_equal(out.vmc_ndisks, 4);
	assert_string_equal(out.vmc_disks[3].vd_path, "/new");
	req.vmc_ndisks = 2;
	assert_int_equal(vm_merge(&def, &req, &out, text, sizeof(text)),
	    EINVAL);
	req.vmc_ndisks = UINT32_MAX;
	assert_int_equal(vm_merge(&def, &req, &out, text, sizeof(text)),
	    EINVAL);
}

static void
kernel_of_a_request_is_for_one_boot(void **state)
{
	struct vmop_create_params def = definition("x");
	struct vmd_vm vm = { .vm_from_conf = 1 };

	(void)state;
	vm.vm_conf = vm.vm_params = def;
	strlcpy(vm.vm_params.vmc_boot, "/once", VMD_PATH_MAX);
	vm.vm_params.vmc_memory = 9 * MIB;
	vm.vm_params.vmc_flags = VMOP_CREATE_BOOT;
	vm_forget_once(&vm);
	assert_string_equal(vm.vm_params.vmc_boot, "/boot");
	assert_int_equal(vm.vm_params.vmc_memory, 9 * MIB);

	/* A VM that has no other kernel keeps it. */
	strlcpy(vm.vm_params.vmc_boot, "/once", VMD_PATH_MAX);
	vm.vm_conf.vmc_boot[0] = '\0';
	vm_forget_once(&vm);
	assert_string_equal(vm.vm_params.vmc_boot, "/once");
}

static void
vm_is_its_owners(void **state)
{
	struct vmd_vm vm = { .vm_uid = 5 };
	struct ctl_peer cp = { .cp_gid = 20 };

	(void)state;
	vm.vm_params.vmc_owner.uid = 10;
	vm.vm_params.vmc_owner.gid = VMOP_NOGROUP;
	assert_true(vm_access(&vm, &cp));
	cp.cp_uid = 10;
	assert_true(vm_access(&vm, &cp));
	cp.cp_uid = 11;
	assert_false(vm_access(&vm, &cp));
	cp.cp_uid = 5;
	assert_false(vm_access(&vm, &cp));
	vm.vm_state = VM_STATE_RUNNING;
	assert_true(vm_access(&vm, &cp));
	cp.cp_uid = 11;
	vm.vm_params.vmc_owner.gid = 20;
	assert_true(vm_access(&vm, &cp));
	cp.cp_gid = 21;
	assert_false(vm_access(&vm, &cp));
	cp.cp_groups[0] = 20;
	assert_false(vm_access(&vm, &cp));
	cp.cp_ngroups = 1;
	assert_true(vm_access(&vm, &cp));
	cp.cp_groups[0] = 0;
	cp.cp_ngroups = UINT32_MAX;
	assert_false(vm_access(&vm, &cp));
	vm.vm_params.vmc_owner.gid = VMOP_NOGROUP;
	cp.cp_gid = VMOP_NOGROUP;
	assert_false(vm_access(&vm, &cp));
}

static void
quick_restarts_are_limited(void **state)
{
	struct vmd_vm vm = { .vm_last_start = 100 };
	int i;

	(void)state;
	for (i = 0; i < VM_START_RATE_LIMIT; i++)
		assert_int_equal(vm_rate(&vm, 101 + i), 0);
	assert_int_equal(vm_rate(&vm, 105), -1);
	memset(&vm, 0, sizeof(vm));
	for (i = 1; i < 100; i++)
		assert_int_equal(vm_rate(&vm, i * VM_START_RATE_SEC), 0);
	assert_int_equal(vm_rate(&vm, 99 * VM_START_RATE_SEC + 1), 0);
	assert_int_equal(vm_rate(&vm, 200 * VM_START_RATE_SEC), 0);
	assert_int_equal(vm.vm_quick, 0);
}

static void
text_is_bounded(void **state)
{
	char small[16];

	(void)state;
	assert_int_equal(vm_text(small, sizeof(small), 7, "abc", "%s",
	    "a long line that does not fit"), 7);
	assert_string_equal(small, "vm \"abc\": a lon");
	vm_text(small, sizeof(small), 7, "a name of more than 16", "x");
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_stays_with_the_name),
		cmocka_unit_test(vm_is_found_by_id_or_name),
		cmocka_unit_test(names_are_limited),
		cmocka_unit_test(memory_has_a_range),
		cmocka_unit_test(definition_is_checked_field_by_field),
		cmocka_unit_test(configuration_has_each_name_once),
		cmocka_unit_test(request_changes_what_it_gives),
		cmocka_unit_test(disks_are_added_up_to_the_limit),
		cmocka_unit_test(kernel_of_a_request_is_for_one_boot),
		cmocka_unit_test(vm_is_its_owners),
		cmocka_unit_test(quick_restarts_are_limited),
		cmocka_unit_test(text_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
