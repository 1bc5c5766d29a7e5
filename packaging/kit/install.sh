#!/bin/sh
# Installs a kit of Kotoba Edge, without a network:
#
#   install.sh [--key KEY] [--with PACKAGE]... [--downgrade] [--check] [FILE.kit]
#
# Without FILE.kit it installs the kit in whose folder it lies. It copies the kit to a folder of root's own, checks the signature and every
# checksum of that copy, asks whether this machine is the right one, and only then writes. A box that has it installed runs its own copy,
# `kotoba-install FILE.kit`, so that nothing of a kit runs before it is checked.
#
#   --key KEY       the signer's public key, 64 hex digits, as it was printed when the kit was made; or a file that holds them.
#                   Default: the keys in /etc/kotoba/kit-keys; where there are none, it is shown and asked for on a terminal.
#   --with PACKAGE  also install this package, if the kit carries it: mosquitto, mosquitto-clients, nftables, chrony, logrotate.
#   --downgrade     allow a version that is older than the installed one.
#   --check         only check, write nothing. Needs no root.
#
# It needs what a Debian has: a shell, coreutils, dpkg, apt, and the package openssl.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C DEBIAN_FRONTEND=noninteractive
umask 022

KEYS=/etc/kotoba/keys
KIT_KEYS=/etc/kotoba/kit-keys
STATE=/var/lib/kotoba
PROGRAM=/opt/kotoba/bin/kotoba-edge
SMALL=100000
# Before the 32 bytes of an Ed25519 key stand these bytes (RFC 8410).
ED25519=302a300506032b6570032100

die() {
    echo "install.sh: $*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set -eu/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
    exit "$1"
}

key='' with='' downgrade='' check='' kit=''
while [ $# -gt 0 ]; do
    case $1 in
        --key) [ $# -ge 2 ] || usage 2 >&2; key=$2; shift ;;
        --with) [ $# -ge 2 ] || usage 2 >&2
            case $2 in ''|-*|*[!a-z0-9.+-]*) die "--with $2: that is no name of a package: give one, such as mosquitto" ;; esac
            with="$with $2"; shift ;;
        --downgrade) downgrade=yes ;;
        --check) check=yes ;;
        -h|--help) usage 0 ;;
        -*) usage 2 >&2 ;;
        *) [ -z "$kit" ] || usage 2 >&2; kit=$1 ;;
    esac
    shift
done
here=$(dirname "$0")
[ -n "$kit" ] || [ -e "$here/SHA256SUMS" ] || die "no kit lies beside $0: give the path of a FILE.kit"
[ -z "$kit" ] || [ -f "$kit" ] || die "the kit $kit is no file: correct the path"
for program in openssl sha256sum tar dpkg apt-get; do
    command -v $program >/dev/null || die "checking the kit: the program $program is missing: install Debian's package $program from the medium of its installer"
done
[ -n "$check" ] || [ "$(id -u)" = 0 ] || die "installing needs root: run it with sudo, or give --check to check the kit only"
if [ -n "$key" ] && [ -f "$key" ]; then key=$(head -c 200 "$key"); fi
key=$(printf %s "$key" | tr -d ' \n')

# ---- A copy that nobody but root can change: a stick may give other bytes at the second reading.
stage=$(mktemp -d "${TMPDIR:-/var/tmp}/kotoba-kit.XXXXXXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$stage"
top=''
if [ -n "$kit" ]; then
    top=$(tar -tf "$kit" 2>/dev/null | head -n 1) || top=''
    case $top in
        kotoba-edge-*/) case ${top%/} in *[!A-Za-z0-9.+~_-]*) die "$kit is no kit of Kotoba Edge: take it from its maker again" ;; esac ;;
        *) die "$kit is no kit of Kotoba Edge: take it from its maker again" ;;
    esac
fi

fetch() { # NAME BYTES: a file of the kit into the stage, no more of it than a real one has
    case $1 in */*) mkdir -p "$stage/${1%/*}" ;; esac
    if [ -n "$kit" ]; then
        tar -xOf "$kit" -- "$top$1" 2>/dev/null | head -c "$2" >"$stage/$1"
    elif [ -f "$here/$1" ] && [ ! -L "$here/$1" ]; then
        head -c "$2" "$here/$1" >"$stage/$1"
    fi
    [ -s "$stage/$1" ] || die "$1 is missing from the kit: take the kit from its maker again"
}

changed() { # NAME
    die "$1 is not what was signed: the kit is damaged or was changed; copy it again"
}

signed_by() { # PEM: did this key sign the checksums?
    openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$stage/SHA256SUMS" -sigfile "$stage/SHA256SUMS.sig" >/dev/null 2>&1
}

hex_of() { # PEM: the 64 hex digits of an Ed25519 key
    openssl pkey -pubin -in "$1" -outform DER 2>/dev/null | od -An -v -tx1 | tr -d ' \n' | sed -n "s/^$ED25519\\([0-9a-f]\\{64\\}\\)\$/\\1/p"
}

# ---- The signature, by a key that this box or this person knows.
fetch SHA256SUMS $SMALL
fetch SHA256SUMS.sig $SMALL
fetch signer.pem $SMALL
signer=$(hex_of "$stage/signer.pem")
[ -n "$signer" ] || die "signer.pem in the kit is no Ed25519 public key: take the kit from its maker again"
known=''
for pem in "$KIT_KEYS"/*.pem; do
    [ -f "$pem" ] || continue
    known="$known $(hex_of "$pem")"
done
if [ -n "$key" ]; then
    [ "$key" = "$signer" ] || die "the kit is signed by the key $signer, which is not the one given with --key: ask its maker which is right"
elif [ -n "$known" ]; then
    case " $known " in
        *" $signer "*) ;;
        *) die "the kit is signed by the key $signer, which this box does not know: take the kit from its maker, or give his new key with --key" ;;
    esac
elif [ -t 0 ] && [ -z "$check" ]; then
    echo "This kit is signed by the key"
    echo "  $signer"
    printf 'Is this the key that its maker gave you, by another way than this kit? Type yes: '
    read -r answer
    [ "$answer" = yes ] || die "the key was not confirmed: nothing was installed"
else
    die "the kit is signed by the key $signer: if this is the key that its maker gave you, give it with --key"
fi
signed_by "$stage/signer.pem" || die "the signature does not fit the checksums: the kit was changed after it was made; take it from its maker again"

# ---- What the kit says of itself; then every file that the checksums name. Nothing else of the kit is read.
fetch MACHINE $SMALL
sed -n '/^[0-9a-f]*  MACHINE$/p' "$stage/SHA256SUMS" | (cd "$stage" && sha256sum --check --strict --status) || changed MACHINE
version='' architecture='' system='' processor='' largest_bytes=0 copy_mb=0 room_mb=0
while read -r word value; do
    case $word in
        version) version=$value ;;
        architecture) architecture=$value ;;
        system) system=$value ;;
        processor) processor=$value ;;
        largest_bytes) largest_bytes=$value ;;
        copy_mb) copy_mb=$value ;;
        room_mb) room_mb=$value ;;
    esac
done <"$stage/MACHINE"
room() { # FOLDER MB
    free_mb=$(($(df -Pk "$1" | awk 'NR == 2 { print $4 }') / 1000))
    [ "$free_mb" -ge "$2" ] || die "the kit needs $2 MB on the disk of $1, which has $free_mb MB free: make room"
}
room "$stage" "$copy_mb"
while read -r digest name; do
    case $name in ''|/*|*..*|*[!A-Za-z0-9._+~/-]*) die "SHA256SUMS names the file $name ($digest): take the kit from its maker again" ;; esac
    fetch "$name" $((largest_bytes + 1))
done <"$stage/SHA256SUMS"
failed=$(cd "$stage" && sha256sum --check --strict --quiet SHA256SUMS 2>/dev/null) || changed "$(echo "$failed" | sed -n '1s/: FAILED.*//p')"
if [ -n "$check" ]; then
    echo "The kit of version $version is whole, and signed by the key $signer."
    exit 0
fi

# ---- Is this the machine that the kit is for?
[ "$(dpkg --print-architecture)" = "$architecture" ] \
    || die "the kit is for $architecture, this machine is $(dpkg --print-architecture): take the kit for this machine"
here_is=$(. /etc/os-release && echo "$ID $VERSION_ID")
[ "$here_is" = "$system" ] || die "the kit is for $system, this machine runs $here_is: take the kit for this system"
flags=$(grep -m 1 '^flags' /proc/cpuinfo || true)
for flag in $processor; do
    case " $flags " in *" $flag "*) ;; *) die "the kit needs a processor with $flag, which this one lacks: compile a kit for it (docs/install.md)" ;; esac
done
room / "$room_mb"
before=$(dpkg-query -W -f '${db:Status-Status} ${Version}' kotoba-edge 2>/dev/null | sed -n 's/^installed //p') || before=''
if [ -n "$before" ] && dpkg --compare-versions "$version" lt "$before" && [ -z "$downgrade" ]; then
    die "the kit's version $version is older than the installed $before: give --downgrade if you mean it"
fi

# ---- Packages: apt takes what this machine lacks from the copy, and from nowhere else.
echo "deb [trusted=yes] file:$stage/debs ./" >"$stage/sources.list"
mkdir -p "$stage/lists/partial"
from_kit() {
    apt-get -q -o Dir::Etc::SourceList="$stage/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$stage/lists" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o DPkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" >>"$stage/log" 2>&1 || {
        cat "$stage/log" >&2
        die "apt could not install the packages, see above: mend that, and run this again (an installation that was cut off: dpkg --configure -a)"
    }
}
running() {
    [ -d /run/systemd/system ] && systemctl is-active --quiet kotoba-edge.service
}
ran=''
if running; then ran=yes; fi
echo "Installing Kotoba Edge $version ..."
from_kit update
case " $with " in *" chrony "*) keep='' ;; *) keep=--no-remove ;; esac # chrony takes the place of systemd-timesyncd
# shellcheck disable=SC2086 -- names of packages, checked above
from_kit install --yes $keep --no-install-recommends --reinstall ${downgrade:+--allow-downgrades} "kotoba-edge=$version" $with

# ---- Keys. A key that is there stays; none is added to a box that has some, but the kit's own when it was named.
mkdir -p "$KIT_KEYS"
if [ ! -e "$KIT_KEYS/$signer.pem" ]; then cp "$stage/signer.pem" "$KIT_KEYS/$signer.pem"; fi
if ! ls "$KEYS"/*.pub >/dev/null 2>&1; then cp "$stage"/keys/*.pub "$KEYS/"; fi

# ---- The first bundle of a box. A box that has one keeps it: `kotoba-edge bundle install` brings another.
as_kotoba() {
    (cd "$STATE" && setpriv --reuid kotoba --regid kotoba --init-groups "$@")
}
if [ ! -e "$STATE/bundle" ] && [ ! -e "$STATE/bundles/state.json" ]; then
    for bundle in "$stage"/bundles/*.kbundle; do
        [ -f "$bundle" ] || continue
        as_kotoba "$PROGRAM" bundle install "$bundle" && as_kotoba "$PROGRAM" bundle activate \
            || die "the program is installed, but its first bundle ${bundle##*/} is not, see above: mend that, then kotoba-edge bundle install"
        break
    done
fi
if [ -n "$ran" ] && ! running; then
    die "version $version is installed, but the box ran before and does not run now: see systemctl status kotoba-edge, or go back with --downgrade"
fi
if [ -n "$before" ]; then
    echo "Kotoba Edge $version is installed; it was $before. Stations, spool, bundle and keys are as they were."
else
    echo "Kotoba Edge $version is installed. Next: kotoba-config new NAME --help, then systemctl enable --now kotoba-edge"
fi
