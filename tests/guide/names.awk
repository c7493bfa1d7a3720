# SPDX-License-Identifier: MIT
# names.awk - the names of runnel in some pages that are not in the headers: awk -f names.awk - PAGE... <NAMES
# A word that ends in _ or stands before a * is a family of names, one behind a # an anchor.

FILENAME == "-" || FILENAME == "" {
    known[$0]
    next
}
{
    text = " " $0
    while (match(text, /[^A-Za-z0-9_](rn|RN)_[A-Za-z0-9_]+/)) {
        before = substr(text, RSTART, 1)
        name = substr(text, RSTART + 1, RLENGTH - 1)
        text = substr(text, RSTART + RLENGTH)
        if (before != "#" && name !~ /_$/ && text !~ /^\*/ && !(name in known))
            print FILENAME ":" FNR ": " name
    }
}
