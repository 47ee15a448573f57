# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# console.sh: typing on a VM's console and waiting for what it says; sourced.
# One console at a time.

console_dir=
console_pid=

# console_open DIR COMMAND...: run the command with its input from us, its
# output on ours and in DIR/console.  A function is fine.
console_open()
{
	console_dir=$1
	shift
	rm -f "$console_dir/keys" "$console_dir/said"
	mkfifo "$console_dir/keys" "$console_dir/said"
	: >"$console_dir/console"
	console_mark=0
	tee "$console_dir/console" <"$console_dir/said" &
	console_tee=$!
	"$@" <"$console_dir/keys" >"$console_dir/said" 2>&1 &
	console_pid=$!
	exec 3>"$console_dir/keys"
}

# Nothing more is typed; wait for the command's end, at most $1 seconds
# (default 10), and return its exit status.
console_wait()
{
	i=$((${1:-10} * 10))
	while kill -0 "$console_pid" 2>/dev/null; do
		i=$((i - 1))
		[ "$i" -gt 0 ] || return 124
		sleep 0.1
	done
	wait "$console_pid"
}

# End the command.
console_close()
{
	[ -n "$console_pid" ] || return 0
	exec 3>&-
	kill "$console_pid" 2>/dev/null
	wait "$console_pid" "$console_tee" 2>/dev/null
	console_pid=
}

# What has been said since the last console_type, without the escapes that a
# shell sends to a terminal.
console_text()
{
	tail -c +"$((console_mark + 1))" "$console_dir/console" |
	    tr -d '\r\033' | sed 's/\[[0-9;]*[A-Zn]//g'
}

# Type a line.
console_type()
{
	console_mark=$(wc -c <"$console_dir/console")
	# Nobody may be there any more.
	(echo "$1" >&3) 2>/dev/null
}

# console_expect PATTERN SECONDS: wait for a line that matches.  The line that
# was typed, which is echoed, does not count.
console_expect()
{
	i=$(($2 * 5))
	until console_text | grep -v ' # .' | grep -q -e "$1"; do
		i=$((i - 1))
		if [ "$i" -le 0 ]; then
			console_text | tail -n 10
			return 1
		fi
		sleep 0.2
	done
}
