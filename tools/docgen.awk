# SPDX-License-Identifier: MIT
# docgen.awk - the public headers as a manual.
#
#     /* mpsc.h - summary ... */ at the top of a header     runnel_mpsc(3), and runnel(7) from runnel.h
#     /** rn_mpsc_send, rn_mpsc_try_send - ... */           rn_mpsc_send(3), and a link for each other name
#
# No name of the library is known here: what a page says comes from the form of the comments alone, which check-labels
# checks. In an essay `Words: text` at the left begins a section, deeper lines are shown as they are, `  - ` is a list.
# In a block: @parameters, paragraphs, the six labels. Words become mark-up one by one: @arg, RN_CODE, rn_call, page.h.

# == read all, then write ===========================================================================================

FNR == 1 {
    stem = FILENAME
    sub(/^.*\//, "", stem)
    sub(/\.h$/, "", stem)
    stems[++stem_count] = stem
    include_of[stem] = stem == "runnel" ? "runnel.h" : "runnel/" stem ".h"
    page_of_header[stem] = stem == "runnel" ? "runnel" : "runnel_" stem
    section_of[page_of_header[stem]] = stem == "runnel" ? 7 : 3
}

{ line[stem, FNR] = $0; lines[stem] = FNR }

# What a code means, for calls that say no more about it.
BEGIN { meaning_of["0"] = "success" }
/^ +RN_[A-Z_]+ = .*\/\* .* \*\/$/ {
    meaning = $0
    sub(/^.*\/\* /, "", meaning)
    sub(/ \*\/$/, "", meaning)
    meaning_of[$1] = meaning
}

END {
    for (s = 1; s <= stem_count; s++)
        find_blocks(stems[s])
    for (s = 1; s <= stem_count; s++) {
        this_stem = stems[s]
        for (k = 1; k <= block_count[this_stem]; k++)
            block_page(this_stem, k)
        header_page(this_stem)
    }
}

# A line of a comment without its frame.
function bare(text) {
    sub(/^\/\*\*? ?/, "", text)
    sub(/ *\*\/$/, "", text)
    sub(/^ \* ?/, "", text)
    return text
}

# The heading from line i on, joined; heading_end is the line behind it.
function heading_at(stem, i,    heading) {
    for (heading = ""; bare(line[stem, i]) != "" && line[stem, i] !~ /^ \* @/; i++)
        heading = heading " " bare(line[stem, i])
    heading_end = i
    return substr(heading, 2)
}

function find_blocks(stem,    i, heading) {
    header_summary[stem] = heading_at(stem, 2)
    sub(/^[a-z_]*\.h - /, "", header_summary[stem])
    sub(/\.$/, "", header_summary[stem])
    essay_begin[stem] = heading_end
    for (i = heading_end; line[stem, i] != " */"; i++)
        ;
    essay_end[stem] = i
    for (; i <= lines[stem]; i++)
        if (line[stem, i] == "/**")
            note_block(stem, ++block_count[stem], heading_at(stem, i + 1))
}

function note_block(stem, k, heading,    n, count, parts) {
    block_begin[stem, k] = heading_end
    summary[stem, k] = heading
    sub(/^[^-]* - /, "", summary[stem, k])
    sub(/ - .*/, "", heading)
    sub(/^struct /, "", heading)
    count = split(heading, parts, /, */)
    for (n = 1; n <= count; n++) {
        if (parts[n] ~ /^(rn|RN)__/)
            continue
        name_in[stem, k, ++name_count[stem, k]] = parts[n]
        header_of_name[parts[n]] = stem
        page_of_name[parts[n]] = name_in[stem, k, 1]
        section_of[parts[n]] = 3
    }
}

# == a page: what is put down goes to "page", or to "later" for what stands further down than in the header =========

# mdoc wants a paragraph break between two things, and nowhere else: it is put down with the second one.
function put(text) {
    if (wants_break[target] && text !~ /^\.(Sh|Bl -bullet|Bl -tag -width Ds)/)
        buffer[target] = buffer[target] ".Pp\n"
    wants_break[target] = 0
    buffer[target] = buffer[target] text "\n"
    is_empty[target] = text ~ /^\.Sh/
}

function break_paragraph() { wants_break[target] = !is_empty[target] }

function begin_section(title) { put(".Sh " title) }

function begin_page(name) {
    this_page = name
    target = "page"
    buffer["page"] = buffer["later"] = ""
    wants_break["page"] = wants_break["later"] = 0
    split("", also)
    put(".\\\" Made from the headers by tools/docgen.")
    put(".Dd " date)
    put(".Dt " toupper(name) " " section_of[name])
    put(".Os runnel " version)
    begin_section("NAME")
}

function end_page(    name, count, i, k, order) {
    target = "page"
    buffer["page"] = buffer["page"] buffer["later"]
    begin_section("SEE ALSO")
    delete also[this_page]
    also["runnel"] = this_page != "runnel"
    count = 0
    for (name in also) {
        if (!also[name] || (this_page ~ /^runnel/ && header_of_name[name] == this_stem))
            continue
        for (k = ++count; k > 1 && is_before(name, order[k - 1]); k--)
            order[k] = order[k - 1]
        order[k] = name
    }
    for (i = 1; i <= count; i++)
        put(".Xr " order[i] " " section_of[order[i]] (i < count ? " ," : ""))
    write_page(this_page, buffer["page"])
}

function is_before(a, b) {
    return section_of[a] < section_of[b] || (section_of[a] == section_of[b] && tolower(a) < tolower(b))
}

function write_page(name, text,    file) {
    file = dir "/" name "." section_of[name]
    printf "%s", text > file
    close(file)
}

# == prose: word by word ============================================================================================

function flush_words() {
    if (words != "")
        put(words ~ /^[.']/ ? "\\&" words : words)
    words = ""
}

function add_word(word) {
    if (length(words) + length(word) > 76)
        flush_words()
    words = words == "" ? word : words " " word
}

function reference(name) {
    also[name] = 1
    return "Xr " name " " section_of[name]
}

# The macro for a word that has one.
function mark(word,    name) {
    if (word ~ /^\*?@[A-Za-z_0-9]+$/) {
        sub(/@/, "", word)
        return "Fa " word
    }
    if (word ~ /^[a-z_]+\.h$/) {
        name = substr(word, 1, length(word) - 2)
        return name in page_of_header && name != this_stem ? reference(page_of_header[name]) : ""
    }
    if (is_answer && word in page_of_header && word != this_stem)
        return reference(page_of_header[word])
    if (word !~ /^(rn|RN)_[A-Za-z0-9_]+(\(\))?$/)
        return ""
    name = word
    sub(/\(\)$/, "", name)
    if (name in page_of_name && page_of_name[name] != this_page)
        return reference(name)
    return (name ~ /^RN/ ? "Dv " : name in page_of_name || word != name ? "Fn " : "Vt ") name
}

function without_at(text) {
    while (match(text, /@[A-Za-z_]/))
        text = substr(text, 1, RSTART - 1) substr(text, RSTART + 1)
    return text
}

# Puts one word down, taken apart into "(", what is to be marked, and ").,".
function put_word(word,    opening, closing, core, macro) {
    gsub(/\\/, "\\e", word)
    core = word
    opening = closing = ""
    while (core ~ /^\(/) {
        opening = opening "( "
        core = substr(core, 2)
    }
    while (core ~ /[).,;:?!]$/ && core !~ /\(\)$/) {
        closing = " " substr(core, length(core)) closing
        core = substr(core, 1, length(core) - 1)
    }
    macro = mark(core)
    if (macro == "") {
        add_word(without_at(word))
    } else {
        flush_words()
        sub(/ /, " " opening, macro)
        put("." macro closing)
    }
}

function prose(text,    i, count, parts) {
    count = split(text, parts, " ")
    for (i = 1; i <= count; i++) {
        put_word(parts[i])
        is_answer = has_answers && parts[i] ~ /:$/ # "one value: oneshot" names a page
        if (parts[i] ~ /[^.][.?!][")]*$/ && parts[i + 1] ~ /^["(]*[@A-Z]/)
            flush_words() # a sentence begins on a line of its own
    }
    flush_words()
}

function sentence(text) {
    return toupper(substr(text, 1, 1)) substr(text, 2) (text ~ /[.?!]$/ ? "" : ".")
}

# == displays: shown as they are ====================================================================================

function indent_of(text) {
    match(text, /^ */)
    return RLENGTH
}

function show(text) { shown[++shown_count] = text }

# Where the remark begins that stands to the right of code, or 0.
function remark_of(text) { return match(text, /[^ ]  +[^ ]/) ? RSTART + RLENGTH - 1 : 0 }

# Headers are wider than terminals: remarks move as near to the code as it lets them, and go on in further lines.
function narrow(    i, at, last_at, widest, count, code, remark) {
    widest = count = last_at = 0
    for (i = 1; i <= shown_count; i++) {
        at = remark_of(shown[i])
        if (last_at && indent_of(shown[i]) == last_at - 1) {
            remark[count] = remark[count] " " substr(shown[i], indent_of(shown[i]) + 1)
            continue
        }
        last_at = at
        code[++count] = at ? substr(shown[i], 1, at - 1) : shown[i]
        remark[count] = at ? substr(shown[i], at) : ""
        sub(/ +$/, "", code[count])
        if (at && length(code[count]) > widest)
            widest = length(code[count])
    }
    shown_count = 0
    for (i = 1; i <= count; i++)
        show_beside(code[i], remark[i], widest)
}

function show_beside(code, remark, widest,    parts, count, i, row) {
    count = split(remark, parts, " ")
    row = code
    for (i = 1; i <= count; i++) {
        if (i == 1 || (length(row) + length(parts[i]) > 76 && widest < 56)) {
            if (i > 1)
                show(row)
            row = sprintf("%-" widest "s ", i == 1 ? code : "")
        }
        row = row " " parts[i]
    }
    show(row)
}

function end_display(    i, least, longest) {
    while (shown_count > 0 && shown[shown_count] == "")
        shown_count--
    if (shown_count == 0)
        return
    least = 999
    for (i = 1; i <= shown_count; i++)
        if (shown[i] != "" && indent_of(shown[i]) < least)
            least = indent_of(shown[i])
    for (i = 1; i <= shown_count; i++) {
        shown[i] = substr(shown[i], least + 1)
        if (length(shown[i]) > longest)
            longest = length(shown[i])
    }
    if (longest > 68)
        narrow()
    break_paragraph()
    put(".Bd -literal" (longest > 72 ? "" : " -offset indent") " -compact")
    for (i = 1; i <= shown_count; i++) {
        gsub(/\\/, "\\e", shown[i])
        put(shown[i] ~ /^[.']/ ? "\\&" shown[i] : shown[i])
    }
    put(".Ed")
    shown_count = 0
}

# == text in the form of the house: paragraphs, displays, lists, and in essays sections =============================

function end_paragraph() {
    prose(gathered)
    gathered = ""
}

function end_list() {
    end_paragraph()
    if (in_list)
        put(".El")
    in_list = 0
}

# `Words:` or `Words (where):` that begin a section; not every sentence with a colon does.
function label_of(text,    label, parts) {
    if (!match(text, /^[A-Z][a-z]*(,? [a-z]+)*( \([^)]*(\([^)]*\)[^)]*)*\))?:( |$)/))
        return ""
    label = substr(text, 1, RLENGTH)
    sub(/: ?$/, "", label)
    return label ~ /[,(]/ || split(label, parts, " ") <= 4 ? label : ""
}

# A section of an essay. Examples stand near the end of a page, wherever they stand in the header.
function essay_section(label, rest,    where) {
    where = ""
    if (match(label, / \(.*\)$/)) {
        where = substr(label, RSTART + 2, RLENGTH - 3)
        label = substr(label, 1, RSTART - 1)
    }
    target = label == "Use" ? "later" : "page"
    begin_section(label == "Use" ? "EXAMPLES" : toupper(label))
    has_answers = label == "Another shape"
    gathered = where == "" ? rest : where ": " rest
    if (gathered !~ /^[a-z]+\.h/)
        gathered = toupper(substr(gathered, 1, 1)) substr(gathered, 2)
    essay_has_sections = essay_has_sections || label != "Use"
}

# Text of its own behind the examples goes on with what was before them; behind the sections, it belongs to none.
function essay_paragraph() {
    target = "page"
    if (essay_has_sections)
        begin_section("NOTES")
    essay_has_sections = has_answers = 0
}

function text_line(raw, is_essay, after_blank,    label, rest) {
    label = is_essay ? label_of(raw) : ""
    if (label != "") {
        end_paragraph()
        rest = substr(raw, length(label) + 2)
        hang = rest ~ /^  / ? length(raw) - length(rest) + indent_of(rest) : 0
        sub(/^ +/, "", rest)
        essay_section(label, rest)
        return
    }
    if (after_blank) {
        end_paragraph()
        if (is_essay && (target == "later" || essay_has_sections))
            essay_paragraph()
        break_paragraph()
    }
    gathered = gathered " " raw
}

function render(text, count, is_essay,    i, raw, depth, after_blank) {
    gathered = ""
    in_list = shown_count = hang = essay_has_sections = has_answers = after_blank = 0
    for (i = 1; i <= count; i++) {
        raw = text[i]
        depth = indent_of(raw)
        if (raw == "") {
            if (shown_count)
                show("")
            after_blank = 1
            continue
        }
        if (depth > 0 && depth == hang && !after_blank) {
            gathered = gathered " " raw
        } else if (raw ~ /^  - /) {
            end_display()
            begin_item(raw)
        } else if (in_list && depth == 4 && !after_blank) {
            gathered = gathered " " raw
        } else if (depth > 0) {
            end_list()
            show(raw)
        } else {
            if (in_list || shown_count)
                end_and_break()
            text_line(raw, is_essay, after_blank)
        }
        after_blank = 0
    }
    end_list()
    end_display()
}

function end_and_break() {
    end_list()
    end_display()
    break_paragraph()
}

function begin_item(raw) {
    end_paragraph()
    if (!in_list)
        put(".Bl -bullet -width 2n")
    in_list = 1
    put(".It")
    gathered = substr(raw, 5)
}

# == the page of a block ============================================================================================

function put_names(stem, k, macro,    i) {
    for (i = 1; i <= name_count[stem, k]; i++)
        put(macro name_in[stem, k, i] (i < name_count[stem, k] ? " ," : ""))
}

function block_page(stem, k,    i) {
    if (!name_count[stem, k])
        return
    begin_page(name_in[stem, k, 1])
    put_names(stem, k, ".Nm ")
    put(".Nd " without_at(summary[stem, k]))
    begin_section("SYNOPSIS")
    put(".In " include_of[stem])
    for (i = block_begin[stem, k]; line[stem, i] != " */"; i++)
        ;
    synopsis(stem, i + 1, 1)
    synopsis(stem, i + 1, 0)
    begin_section("DESCRIPTION")
    prose(sentence(summary[stem, k]))
    description(stem, block_begin[stem, k])
    contract(stem, k)
    also[page_of_header[stem]] = 1
    end_page()
    for (i = 2; i <= name_count[stem, k]; i++)
        write_page(name_in[stem, k, i], ".so man3/" name_in[stem, k, 1] ".3\n")
}

# Everything that stands directly below the block: what is public, or the functions below that.
function synopsis(stem, i, is_public,    declaration) {
    for (; line[stem, i] ~ /^[A-Za-z#]/ && line[stem, i] !~ /^(static|RN__)/; i++) {
        declaration = line[stem, i]
        if (declaration ~ /^#/) {
            if (is_public && declaration ~ /^#define (RN_[A-Z]|rn_[a-z])/)
                macro_synopsis(declaration)
            while (line[stem, i] ~ /\\$/)
                i++
        } else if (declaration ~ /[{]$/) {
            has_remark = 0
            i = declare_type(stem, i)
            if (!is_public)
                shown_count = 0
            end_display()
        } else {
            while (declaration !~ /;/)
                declaration = declaration " " line[stem, ++i]
            if (is_public == (declaration !~ /[^A-Za-z_]rn__[a-z_]*\(/))
                function_synopsis(declaration)
        }
    }
}

function macro_synopsis(text) {
    sub(/^#define /, "", text)
    if (match(text, /^[A-Za-z_0-9]+\([^)]*\)/)) {
        text = substr(text, 1, RLENGTH)
        function_synopsis(text ";")
    } else {
        sub(/ .*/, "", text)
        put(".Fd #define " text)
    }
}

function function_synopsis(text,    name, i, depth, c, argument) {
    gsub(/RN_MUST_USE |RN_API /, "", text)
    gsub(/  +/, " ", text)
    sub(/ *__attribute__.*$/, ";", text)
    match(text, /[A-Za-z_0-9]+\(/)
    name = substr(text, RSTART, RLENGTH - 1)
    if (RSTART > 1)
        put(".Ft " substr(text, 1, RSTART - 1))
    put(".Fo " name)
    argument = ""
    depth = 0
    for (i = RSTART + RLENGTH; (c = substr(text, i, 1)) != "" && depth >= 0; i++) {
        if (c == "(")
            depth++
        if (c == ")")
            depth--
        if (depth < 0 || (depth == 0 && c == ",")) {
            sub(/^ /, "", argument)
            put(".Fa \"" argument "\"")
            argument = ""
        } else {
            argument = argument c
        }
    }
    put(".Fc")
}

# The text up to the first label, with the parameters as a list; what stands under the labels is kept for contract().
function description(stem, i,    raw, count, text, label) {
    split("", label_text)
    count = 0
    label = ""
    for (; line[stem, i] != " */"; i++) {
        raw = bare(line[stem, i])
        if (raw ~ /^@[A-Za-z_0-9]+(, @[A-Za-z_0-9]+)*:/) {
            i = parameters(stem, i) - 1
        } else if (match(raw, /^(Context|Owner|Cancel|Order|Memory|Returns):/)) {
            label = substr(raw, 1, RLENGTH - 1)
            label_text[label] = substr(raw, RLENGTH + 1)
        } else if (label != "") {
            label_text[label] = label_text[label] " " raw
        } else {
            text[++count] = raw
        }
    }
    while (count > 0 && text[count] == "")
        count--
    render(text, count, 0)
}

function parameters(stem, i,    raw, names) {
    put(".Bl -tag -width Ds")
    for (; (raw = bare(line[stem, i])) ~ /^@/; ) {
        names = substr(raw, 1, index(raw, ":") - 1)
        gsub(/@/, "", names)
        gsub(/,/, " ,", names)
        put(".It Fa " names)
        raw = substr(raw, index(raw, ":") + 1)
        while (bare(line[stem, ++i]) ~ /^ +[^ ]/)
            raw = raw " " bare(line[stem, i])
        sub(/^ +/, "", raw)
        prose(sentence(raw))
    }
    put(".El")
    return i
}

function contract(stem, k,    i, count, parts) {
    if (!("Returns" in label_text))
        return
    begin_section("CONTRACT")
    put(".Bl -tag -width Context")
    count = split("Context Owner Cancel Order Memory", parts, " ")
    for (i = 1; i <= count; i++) {
        put(".It " parts[i])
        sub(/^ +/, "", label_text[parts[i]])
        prose(sentence(label_text[parts[i]]))
    }
    put(".El")
    begin_section("RETURN VALUES")
    sub(/^ +/, "", label_text["Returns"])
    gsub(/  +/, " ", label_text["Returns"])
    returns(label_text["Returns"], stem, k)
}

# `0 | RN_CLOSED why | ...` is a list of codes; as many answers as there are calls, by ` | ` or `; `, one of each call.
function returns(text, stem, k,    count, i, parts, after) {
    count = split(text, parts, / \| /)
    if (count > 1 && text ~ /(^|\| )(0|RN_[A-Z]+)/) {
        put(".Bl -tag -width RN_ETIMEDOUT -compact")
        for (i = 1; i <= count; i++)
            after = answer(parts[i])
        put(".El")
        if (after != "") {
            break_paragraph()
            prose(sentence(after))
        }
        return
    }
    if (count == 1)
        count = split(text, parts, /; /)
    if (count == 1 || count != name_count[stem, k]) {
        prose(sentence(text))
        return
    }
    put(".Bl -tag -width Ds")
    for (i = 1; i <= count; i++) {
        put(".It Fn " name_in[stem, k, i])
        prose(sentence(parts[i]))
    }
    put(".El")
}

# One code of the list. What a full stop or semicolon divides from a code is about all of them, and given back.
function answer(text,    code, rest) {
    code = text
    if (text !~ /^(0|NULL|RN_[A-Z_]+)([ .;,:]|$)/) {
        gsub(/@/, "", code)
        put(".It " code)
        return ""
    }
    sub(/[ .;,:].*$/, "", code)
    rest = substr(text, length(code) + 1)
    put(".It " (code == "0" ? "0" : "Dv " code))
    if (rest ~ /^[.;] /) {
        prose(code in meaning_of ? meaning_of[code] "." : "")
        return substr(rest, 3)
    }
    sub(/^ +/, "", rest)
    prose(rest == "" ? meaning_of[code] : rest)
    return ""
}

# == the page of a header ===========================================================================================

function header_page(stem,    i, k, text, count) {
    begin_page(page_of_header[stem])
    put(".Nm " page_of_header[stem])
    put(".Nd " header_summary[stem])
    begin_section("SYNOPSIS")
    put(".In " include_of[stem])
    begin_section("DESCRIPTION")
    count = 0
    for (i = essay_begin[stem] + 1; i < essay_end[stem]; i++)
        text[++count] = bare(line[stem, i])
    render(text, count, 1)
    flush_words()
    target = "page"
    if (stem == "runnel")
        contents()
    declarations(stem)
    if (block_count[stem]) {
        begin_section("CALLS")
        put(".Bl -tag -width Ds")
        for (k = 1; k <= block_count[stem]; k++)
            call(stem, k)
        put(".El")
    }
    end_page()
}

function contents(    s) {
    begin_section("PAGES")
    put(".Bl -tag -width runnel_broadcast(3) -compact")
    for (s = 1; s <= stem_count; s++) {
        if (stems[s] == "runnel")
            continue
        put(".It " reference(page_of_header[stems[s]]))
        prose(header_summary[stems[s]])
    }
    put(".El")
}

function call(stem, k,    i, head) {
    head = ""
    for (i = 1; i <= name_count[stem, k]; i++)
        head = head (i > 1 ? " , " : "") "Xr " name_in[stem, k, i] " 3"
    if (head == "")
        return
    put(".It " head)
    prose(sentence(summary[stem, k]))
}

# What no block describes: types, constants and macros with the comments above them. Bodies of macros are left out.
function declarations(stem,    i, raw, name) {
    has_remark = shown_count = 0
    for (i = essay_end[stem] + 1; i <= lines[stem]; i++) {
        raw = line[stem, i]
        if (raw == "/**") {
            while (line[stem, i] != "")
                i++
        } else if (raw ~ /^\/\*/) {
            i = take_remark(stem, i)
            continue
        } else if (raw ~ /^#define /) {
            name = raw
            sub(/^#define /, "", name)
            if (raw ~ /\\$/ && name ~ /^RN_[A-Z]/)
                declare(substr(raw, 1, index(raw, ")")))
            else if (name ~ /^(RN_[A-Z]|rn_[a-z])/) {
                declare_remark()
                show_member(stem, i, is_wide(raw))
            }
            while (line[stem, i] ~ /\\$/)
                i++
        } else if (raw ~ /^(typedef|struct|enum) /) {
            i = declare_type(stem, i)
        } else if (raw ~ /^(RN__UNUSED )?static inline .*[^a-z_]rn_[a-z]/) {
            sub(/^(RN__UNUSED )?/, "", raw)
            if (raw !~ /_auto\(/)
                declare(raw ";")
            while (line[stem, i] != "}")
                i++
        }
        has_remark = 0
    }
    if (shown_count) {
        flush_words()
        begin_section("DECLARATIONS")
        end_display()
    }
}

function take_remark(stem, i) {
    remark_text = ""
    for (; line[stem, i] !~ /\*\/$/; i++)
        remark_text = remark_text " " bare(line[stem, i])
    remark_text = remark_text " " bare(line[stem, i])
    has_remark = remark_text !~ /^ (-- |clang-format)/
    return i
}

# A comment of its own, for lines of at most 76 characters.
function show_remark(text, indent,    i, count, parts, row) {
    sub(/^ +/, "", text)
    count = split(text, parts, " ")
    row = indent "/*"
    for (i = 1; i <= count; i++) {
        if (length(row) + length(parts[i]) > 72) {
            show(row)
            row = indent " *"
        }
        row = row " " parts[i]
    }
    show(row " */")
}

# Line i with its remark: beside it, or above it if there is no room.
function show_member(stem, i, above,    raw, code, text) {
    raw = line[stem, i]
    if (!above || !match(raw, / +\/\* /) || RSTART == 1) {
        show(raw)
        return i
    }
    code = substr(raw, 1, RSTART - 1)
    text = substr(raw, RSTART + RLENGTH)
    while (text !~ / \*\/$/)
        text = text " " line[stem, ++i]
    sub(/ \*\/$/, "", text)
    show_remark(text, substr(raw, 1, indent_of(raw)))
    show(code)
    return i
}

function is_wide(raw) { return length(raw) > 76 || (raw ~ /\/\* / && raw !~ /\*\//) }

function declare_remark() {
    if (shown_count && (has_remark || shown[shown_count] ~ /^}/))
        show("")
    if (has_remark)
        show_remark(remark_text, "")
    has_remark = 0
}

function declare(text) {
    declare_remark()
    show(text)
}

function declare_type(stem, i,    last, wide) {
    declare_remark()
    if (line[stem, i] ~ /[{]$/ && shown_count && shown[shown_count] !~ /^$|\*\/$/)
        show("")
    wide = 0
    for (last = i; line[stem, last] !~ /^}/ && line[stem, last] !~ /^[a-z].*;/; last++)
        wide = wide || is_wide(line[stem, last])
    for (; i <= last; i++)
        i = show_member(stem, i, wide || is_wide(line[stem, last]))
    return last
}
