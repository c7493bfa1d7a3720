# SPDX-License-Identifier: MIT
# extract.awk - cuts the C snippets out of a page of the guide: awk -v out=FOLDER -f extract.awk PAGE
#
# A snippet with a main is a program: LINE.program.c, and LINE.expected if a ```text fence stands before the next C.
# Other snippets are fragments. All fragments of a section (`## `) make one file, LINE.section.c, behind those that
# stand before the page's first section: what the top of a page declares holds for the whole page, what a section
# declares until its end. Comments before a fence, which no reader of the finished page sees, say more:
#     <!-- inside (jobs_tx *tx, int rc) -->      these are statements: they go into a function with such parameters
#     <!-- must not compile: REGEX -->           an error that matches: LINE.refused.c and LINE.why

function flush_section() {
    if (own != "" || (top != "" && !sections))
        printf "%s", head top own >(out "/" start ".section.c")
    own = ""
}

function placed(code) {
    if (inside == "")
        return code
    return "#line " first - 1 " \"" FILENAME "\"\nint snippet_" first inside " {\n" code "return 0;\n}\n"
}

function take() {
    if (code ~ /int main\(/) {
        printf "#line %d \"%s\"\n%s", first, FILENAME, code >(out "/" first ".program.c")
        program = first
        return
    }
    code = placed("#line " first " \"" FILENAME "\"\n" code)
    if (why != "") {
        printf "%s", head top own code >(out "/" first ".refused.c")
        print why >(out "/" first ".why")
    } else if (sections)
        own = own code
    else
        top = top code
}

BEGIN {
    start = 1
    split("runnel errno pthread signal stdio stdlib string unistd sys/wait", names, " ")
    for (i = 1; i in names; i++)
        head = head "#include <" names[i] ".h>\n"
}

fence == "" && /^## / {
    flush_section()
    sections++
    start = FNR
    program = 0
}
fence == "" && /^<!-- inside \(.*\) -->$/ { inside = substr($0, 13, length($0) - 16) }
fence == "" && /^<!-- must not compile: .* -->$/ { why = substr($0, 24, length($0) - 27) }

/^```/ {
    if (fence == "") {
        fence = substr($0, 4)
        first = FNR + 1
        code = ""
        if (fence == "")
            fence = "-"
        else if (fence == "c")
            program = 0
        next
    }
    if (fence == "c") {
        take()
        inside = why = ""
    } else if (fence == "text" && program) {
        printf "%s", code >(out "/" program ".expected")
        program = 0
    }
    fence = ""
    next
}
fence != "" { code = code $0 "\n" }

END {
    flush_section()
    if (fence != "") {
        print FILENAME ": a fence is open at the end" >"/dev/stderr"
        exit 1
    }
}
