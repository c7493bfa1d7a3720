# SPDX-License-Identifier: MIT
# links.awk - the links of pages to files of this tree, as `PAGE:LINE TARGET`; with -v anchors=1 those `#anchors` that
# are no heading of the page that they lead into.

function folder(page) { return page ~ /\// ? substr(page, 1, match(page, /[^\/]*$/) - 1) : "" }

# a path without its `..`
function plain(path) {
    while (sub(/[^\/.]+\/\.\.\//, "", path))
        ;
    return path
}

function slug(heading) {
    sub(/^#+ */, "", heading)
    gsub(/[^A-Za-z0-9_ -]/, "", heading)
    gsub(/ /, "-", heading)
    return tolower(heading)
}

/^```/ { fenced = !fenced }
fenced { next }
/^#+ / { headings[FILENAME "#" slug($0)] }
{
    text = $0
    while (match(text, /\]\([^)]*\)/)) {
        target = substr(text, RSTART + 2, RLENGTH - 3)
        text = substr(text, RSTART + RLENGTH)
        if (target ~ /^[a-z]+:/)
            continue
        at = index(target, "#")
        file = at ? substr(target, 1, at - 1) : target
        file = file == "" ? FILENAME : plain(folder(FILENAME) file)
        if (at)
            wanted[FILENAME ":" FNR " " file substr(target, at)] = file substr(target, at)
        if (!anchors)
            print FILENAME ":" FNR, file
    }
}

END {
    for (link in wanted)
        if (anchors && !(wanted[link] in headings))
            print link
}
