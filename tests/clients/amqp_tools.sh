#!/usr/bin/env bash
# The tools of Debian's amqp-tools (librabbitmq) against the broker, one check a line.
#
# Starts the program that FERRYMQ_BIN names, or uses the broker at FERRYMQ_TEST_AMQP=host:port.
# Ends with the line `N passed, N failed`.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
program=${FERRYMQ_BIN:-$root/target/release/ferrymq}
directory=$(mktemp -d)
broker=
passed=0
failed=0

finish() {
    if [[ -n $broker ]]; then
        kill -KILL "$broker" 2>/dev/null || true
        wait "$broker" 2>/dev/null || true
    fi
    rm -rf -- "$directory"
}
trap finish EXIT

# Waits until the log has a line with $1, and prints that line.
wait_for_log() {
    timeout 60 sed "/$1/q" <(tail --pid="$broker" -n +1 -F "$directory/log" 2>/dev/null) | tail -n 1
}

# Starts the broker on the port $1 (0: any) and sets `server`.
start_broker() {
    : >"$directory/log"
    "$program" serve --data-dir "$directory/data" --amqp-listen "127.0.0.1:$1" \
        --http-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 >"$directory/log" 2>&1 &
    broker=$!
    wait_for_log 'Server startup complete' >/dev/null
    server=$(sed -n 's/.*started TCP listener on \([^ ]*\).*/\1/p' "$directory/log" | head -n 1)
    if [[ -z $server ]]; then
        echo "the broker did not start:"
        cat "$directory/log"
        exit 1
    fi
}

# check NAME EXPECTED COMMAND...: the command succeeds and prints what is expected.
check() {
    local name=$1 expected=$2 actual status=0
    shift 2
    actual=$("$@" 2>&1) || status=$?
    if [[ $status == 0 && $actual == "$expected" ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s (exit status %s)\n  expected: %q\n  printed:  %q\n' \
            "$name" "$status" "$expected" "$actual"
    fi
}

# refused NAME WORDS COMMAND...: the command fails and says these words.
refused() {
    local name=$1 words=$2 actual
    shift 2
    if actual=$("$@" 2>&1) || [[ $actual != *"$words"* ]]; then
        failed=$((failed + 1))
        printf 'FAILED: %s\n  words:   %q\n  printed: %q\n' "$name" "$words" "$actual"
    else
        passed=$((passed + 1))
    fi
}

tool() {
    local name=$1
    shift
    timeout 60 "amqp-$name" --url "amqp://guest:guest@$server/%2f" "$@"
}

publish_lines() {
    printf '%s\n' "$@" | tool publish --routing-key "$queue" --line-buffered
}

is_empty() {
    local status=0
    tool get --queue "$queue" || status=$?
    [[ $status == 2 ]] && echo empty
}

# What a consumer gets through a queue that the broker named. Nothing tells when it has bound the
# queue, so messages are published until it has enough.
consume_from_fanout() {
    tool consume --exchange amq.fanout --routing-key any --count 2 cat >"$directory/got" 2>"$directory/said" &
    local consumer=$! deadline=$((SECONDS + 60))
    while kill -0 "$consumer" 2>/dev/null && ((SECONDS < deadline)); do
        tool publish --exchange amq.fanout --body x
    done
    wait "$consumer"
    grep -q 'amq\.gen-' "$directory/said"
    cat "$directory/got"
}

large_body_survives() {
    head -c 3000000 /dev/urandom >"$directory/sent"
    tool publish --routing-key "$queue" --persistent <"$directory/sent"
    tool get --queue "$queue" | cmp - "$directory/sent" && echo same
}

if [[ -n ${FERRYMQ_TEST_AMQP:-} ]]; then
    server=$FERRYMQ_TEST_AMQP
else
    start_broker 0
fi
queue=amqp-tools.$$

check 'declare prints the name' "$queue" tool declare-queue --queue "$queue" --durable
check 'declare again' "$queue" tool declare-queue --queue "$queue" --durable
refused 'declare with other properties' 'PRECONDITION_FAILED' tool declare-queue --queue "$queue"
check 'get of an empty queue' empty is_empty
check 'publish' '' tool publish --routing-key "$queue" --body hello
check 'get' hello tool get --queue "$queue"
check 'publish with properties' '' tool publish --routing-key "$queue" --persistent --body kept \
    --content-type text/plain --content-encoding utf-8 --reply-to me --header 'a: b' --header 'c: d'
check 'consume one' kept tool consume --queue "$queue" --count 1 cat
check 'publish line by line' '' publish_lines one two three
check 'consume in order' $'one\ntwo\nthree' tool consume --queue "$queue" --count 3 sed '$a\'
check 'publish lines again' '' publish_lines four five six
check 'consume some, with prefetch' $'four\nfive' \
    tool consume --queue "$queue" --prefetch-count 1 --count 2 sed '$a\'
check 'the rest is still there' six tool get --queue "$queue"
check 'publish for a consumer without acks' '' tool publish --routing-key "$queue" --body last
check 'consume without acks' last tool consume --queue "$queue" --no-ack --count 1 cat
check 'a fanout to a queue of its own' xx consume_from_fanout
check 'a large body' same large_body_survives
refused 'an exchange that is missing' 'NOT_FOUND' \
    tool consume --exchange missing.$$ --routing-key any --count 1 cat
refused 'a queue that is missing' 'NOT_FOUND' tool get --queue missing.$$
refused 'a wrong password' 'ACCESS_REFUSED' \
    timeout 60 amqp-get --url "amqp://guest:wrong@$server/%2f" --queue "$queue"

if [[ -n $broker ]]; then
    check 'publish before a restart' '' \
        tool publish --routing-key "$queue" --persistent --body 'outlives the broker'
    kill -TERM "$broker"
    status=0
    wait "$broker" || status=$?
    check 'the exit status of the broker' 0 echo "$status"
    start_broker "${server##*:}"
    check 'get after a restart' 'outlives the broker' tool get --queue "$queue"
fi

check 'publish what nobody takes' '' publish_lines seven eight
refused 'delete if empty' 'PRECONDITION_FAILED' tool delete-queue --queue "$queue" --if-empty
check 'delete prints the count' 2 tool delete-queue --queue "$queue"
refused 'it is gone' 'NOT_FOUND' tool get --queue "$queue"

echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
