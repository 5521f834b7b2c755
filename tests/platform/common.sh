# Shared by the platform checks: options, the key, the run and the questions. Sourced, not run.

set -u -o pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
seconds=120
file=$root/examples/media/clip.mp4

# options DEFAULT_URL ARGUMENTS...
options() {
    url=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --seconds | --url | --file)
                [ $# -ge 2 ] || { echo "$1 wants a value" >&2; exit 2; }
                case $1 in
                    --seconds) seconds=$2 ;;
                    --url) url=$2 ;;
                    --file) file=$2 ;;
                esac
                shift 2
                ;;
            *)
                echo "options: --seconds N, --url URL, --file FILE" >&2
                exit 2
                ;;
        esac
    done
    if [ -z "${STREAMBRO_KEY:-}" ]; then
        echo "STREAMBRO_KEY is not set. README.md beside this script shows how to set it without leaving a trace." >&2
        exit 2
    fi
}

# stream PLATFORM: plays the file to the platform.
stream() {
    platform=$1
    # The host alone: a pasted URL may carry more than it should.
    server=$(printf '%s' "$url" | sed -E 's#^([a-z]+://[^/@]*@)?([a-z]+://)?([^/]*).*#\3#')
    echo "Streaming ${file##*/} to $platform ($server) for $seconds s."
    (cd "$root" && exec cargo run --release --quiet -p streambro-examples --bin live -- "$file" "$url" --seconds "$seconds")
    code=$?
}

# ask QUESTION: yes, no, or anything you want to say.
answers=
ask() {
    local reply=
    printf '%s ' "$1"
    read -r reply || true
    answers="$answers
- $1 ${reply:-(no answer)}"
}

# report: what to paste.
report() {
    cat <<END

----- paste from here -----
Platform check: $platform, $server
Date: $(date -u +%F), streambro $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
Film: ${file##*/}, asked for $seconds s, exit code $code$answers
----- to here -----
END
    exit "$code"
}
