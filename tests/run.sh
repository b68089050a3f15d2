#!/usr/bin/env bash
# Installs what the tests need and runs them all: formatting, lints, documentation, every Rust test,
# real clients in Python and C, RabbitMQ's own tools, the console in Chromium, a minute of simulation, kills
# and power cuts under load, a minute of fuzzing.
# The power cuts need root and a loop device; `FERRYMQ_POWER_CUT=skip` leaves them out.
#
# Needs Rust, and Debian's apt-get for what is missing beside it. A missing tool fails the run; nothing
# is skipped. Built things, the Python environment, pictures of the console's pages and the logs of the
# steps are in target/; what node needs is in tests/browser/node_modules.
# The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
logs=$target/test-logs
python=$target/test-python
tools=$target/test-tools
export CARGO_TARGET_DIR=$target FERRYMQ_BIN=$target/release/ferrymq FERRYMQ_TEST_TOOLS=$tools
export TMPDIR=$target/test-temporary PYTHONDONTWRITEBYTECODE=1
export CARGO_TERM_COLOR=never
# The tests start brokers of their own.
unset FERRYMQ_TEST_AMQP

passed=0
failed=0
failures=()
# What runs beside the current step: its process, by name.
declare -A running=()

say() {
    printf '[%2d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"
}

summary() {
    rm -rf -- "$TMPDIR"
    if ((failed)); then
        printf 'failed: %s\n' "${failures[@]}"
    fi
    echo "$passed passed, $failed failed"
}

# The sum of the numbers before the word $1 in the results that the log $2 reports.
count() {
    awk -v word="$1" '
        /^test result: |^=* ?[0-9]+ (passed|failed)/ {
            for (i = 2; i <= NF; i++) if ($i ~ "^" word "[,;]?$") sum += $(i - 1)
        }
        END { print sum + 0 }' "$2"
}

# The names of the tests that failed in the log $1, on one line.
names_of_failed() {
    sed -nE \
        -e 's/^test (.+) \.\.\. FAILED$/\1/p' \
        -e 's/^FAILED +[0-9.]+ s (.+)$/\1/p' \
        -e 's/^FAILED ([^ ]+::[^ ]+).*$/\1/p' "$1" |
        paste -sd\; | sed "s/;/; /g"
}

# What the failed tests in the log $1 said: of Rust's the end of each one's output, else the end of all.
show_failures() {
    local said
    said=$(awk '
        function flush(line) {
            for (line = count > 200 ? count - 200 : 0; line < count; line++) print lines[line]
            count = 0
        }
        /^---- .+ ----$/ { flush(); within = 1 }
        /^failures:$/ { flush(); within = 0 }
        within && !/^ +([0-9]+: |at )/ { lines[count++] = $0 }
        END { flush() }' "$1")
    if [[ -n $said ]]; then
        tail -n 400 <<<"$said"
    else
        tail -n 200 "$1"
    fi
}

# start NAME COMMAND...: runs the command beside what comes next; its output goes to a log.
start() {
    local name=$1 log
    shift
    log=$logs/${name// /-}.log
    say "$name ..."
    (
        status=0
        begun=$SECONDS
        "$@" >"$log" 2>&1 </dev/null || status=$?
        echo "$status $((SECONDS - begun))" >"$log.ended"
    ) &
    running[$name]=$!
}

# finish NAME: waits for what was started, tells how it went, and shows its log when it failed.
finish() {
    local name=$1 log status=1 spent=0 ran broken
    log=$logs/${name// /-}.log
    wait "${running[$name]}" || true
    unset "running[$name]"
    if [[ -e $log.ended ]]; then
        read -r status spent <"$log.ended"
    fi
    ran=$(count passed "$log")
    broken=$(count failed "$log")
    # A step that reports no single tests is one itself.
    if ((status != 0 && broken == 0)); then
        broken=1
    elif ((status == 0 && ran == 0)); then
        ran=1
    fi
    passed=$((passed + ran))
    failed=$((failed + broken))
    if ((status != 0 || broken != 0)); then
        failures+=("$name ($log): $(names_of_failed "$log")")
        show_failures "$log"
        say "$name: FAILED, $broken of $((ran + broken)), $spent s"
        return 1
    fi
    say "$name: $ran passed, $spent s"
}

# step NAME COMMAND...: runs the command, and waits for it.
step() {
    start "$@"
    finish "$1"
}

# need COMMAND PACKAGE...: makes sure that the command is there.
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null || missing+=("$@")
}

install_packages() {
    local missing=()
    need cc gcc libc6-dev
    need python3 python3 python3-venv
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    need amqp-publish amqp-tools
    need timeout coreutils
    need setsid util-linux
    need pgrep procps
    need strace strace
    need mount mount
    need mkfs.ext4 e2fsprogs
    need perl perl-base
    need promtool prometheus
    need node nodejs
    need npm npm
    need chromium chromium
    # The tests start nodes of their own.
    if [[ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
        missing+=(rabbitmq-server)
    fi
    if ((${#missing[@]})); then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update && without_services \
            apt-get install --yes --no-install-recommends "${missing[@]}"
    fi
}

# Runs a command that installs packages, but has none of their services started.
without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [[ -e $policy ]]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    "$@" || status=$?
    rm -f -- "$policy"
    return "$status"
}

install_rust_components() {
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt || return
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
}

# The Python environment, made anew when what it should hold has changed.
install_python_packages() {
    local wanted=tests/python/requirements.txt
    if ! cmp --silent "$wanted" "$python/requirements.txt"; then
        rm -rf -- "$python"
        python3 -m venv "$python" &&
            "$python/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" &&
            cp "$wanted" "$python/requirements.txt"
    fi
}

# What package-lock.json names, made anew when that has changed.
install_node_packages() {
    local folder=tests/browser
    local wanted=$folder/package-lock.json installed=$folder/node_modules/installed-lock.json
    if ! cmp --silent "$wanted" "$installed"; then
        npm --prefix "$folder" ci --no-audit --no-fund && cp "$wanted" "$installed"
    fi
}

# RabbitMQ's command line tool, unless this version of it is there already.
install_rabbitmqadmin() {
    env CARGO_PROFILE_DEV_DEBUG=0 cargo install rabbitmqadmin --version =2.35.0 --locked \
        --no-default-features --debug --root "$tools" --target-dir "$tools/build" || return
    rm -rf -- "$tools/build"
}

# stop PROCESS: ends it and all that it has started.
stop() {
    local child
    for child in $(pgrep --parent "$1"); do
        stop "$child"
    done
    kill "$1" 2>/dev/null || true
}

fail_unfinished() {
    trap - ERR EXIT
    local process
    for process in "${running[@]}"; do
        stop "$process"
    done
    if ((failed == 0)); then
        failed=1
        failures+=("the run itself")
    fi
    summary
    exit 1
}

rm -rf -- "$logs" "$TMPDIR"
mkdir -p "$logs" "$TMPDIR"
trap fail_unfinished ERR EXIT

# Without these the rest makes no sense.
step 'packages' install_packages
step 'rust components' install_rust_components
step 'python packages' install_python_packages
step 'node packages' install_node_packages

# Linking the release takes one core for minutes. What needs no release has the other.
# From here on every step runs, whatever became of those before.
start 'build' cargo build --release --locked
step 'formatting' cargo fmt --all --check || true
step 'console scripts' npm --prefix tests/browser run check || true
step 'lints' cargo clippy --workspace --all-targets --locked -- -D warnings || true
step 'tidy' cargo test --package ferrymq-tests --test tidy --locked -- --nocapture || true
awk '/^lines in the longest/ { show = 1 } /^test / { show = 0 } show' "$logs/tidy.log"
step 'tests' cargo test --workspace --locked --no-run || true
step 'long tests' cargo test --profile long-tests --package ferrymq-tests --test simulation \
    --locked --no-run || true
step 'rabbitmqadmin' install_rabbitmqadmin || true
step 'alert rules' promtool check rules deploy/prometheus-rules.yml || true
finish 'build'

step 'rust tests' cargo test --workspace --locked --no-fail-fast || true

# A browser waits much of the time.
start 'browser' timeout 1500 npm --prefix tests/browser test
step 'amqp-tools' tests/clients/amqp_tools.sh || true
step 'python clients' "$python/bin/pytest" -q tests/python || true
step 'simulation' env FERRYMQ_SIMULATION_SECONDS=60 \
    cargo test --profile long-tests --package ferrymq-tests --test simulation --locked -- \
    --nocapture || true
step 'documentation' env RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked || true
finish 'browser' || true

step 'kills under load' env FERRYMQ_CRASH_ROUNDS=40 \
    cargo test --package ferrymq-tests --test crash --locked -- --nocapture || true
step 'power cuts under load' env FERRYMQ_POWER_CUT_ROUNDS=16 \
    cargo test --package ferrymq-tests --test power_cut --locked -- --nocapture || true
step 'damage' env FERRYMQ_DAMAGE_ROUNDS=160 \
    cargo test --package ferrymq-tests --test damage --locked -- --nocapture || true
step 'fuzzing' env FERRYMQ_FUZZ_SECONDS=60 \
    cargo test --package ferrymq-tests --test fuzz --locked -- --nocapture --test-threads 1 || true

trap - ERR EXIT
summary
((failed == 0))
