# The layer rule: reads C files, prints what breaks it.
#
# A layer includes its own headers and those of layers before it in ORDER, never what its row in NEVER
# names (a layer, or a part of a system header's path). SQL text stands in model/ and db/ only, and the
# words of Docker's API in engine/docker* only.

BEGIN {
    order_length = split("base core db engine keeper http model service api worker cli", order, " ")
    for (i = 1; i <= order_length; i++) rank[order[i]] = i

    never["base"] = "mysql curl/ fcgi cJSON sodium"
    never["core"] = "mysql curl/ fcgi"
    never["db"] = "curl/ fcgi engine"
    never["engine"] = "mysql fcgi db"
    never["keeper"] = "mysql fcgi db"
    never["http"] = "mysql curl/ db engine keeper"
    never["model"] = "curl/ fcgi engine http"
    never["service"] = "mysql curl/ fcgi engine"
    never["api"] = "mysql curl/ fcgi engine"
    never["worker"] = "mysql curl/ fcgi engine"
    never["cli"] = "curl/ fcgi engine"

    engine_words = "/containers/|HostConfig|CapDrop|SecurityOpt|NetworkMode|CgroupParent|NanoCpus|PidsLimit|MemorySwap|ReadonlyRootfs"
}

FNR == 1 {
    parts = split(FILENAME, part, "/")
    layer = part[parts - 1]
    file = part[parts]
    if (!(layer in rank)) complain("is in no known layer")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, piece, "\"")
    split(piece[2], target, "/")
    if (!(target[1] in rank))
        complain("includes \"" piece[2] "\": ours are written from fcgi/, as in \"base/err.h\", others as <" piece[2] ">")
    else if (rank[target[1]] > rank[layer])
        complain(layer " must not include " target[1] ", a layer above it")
    else if (forbidden(target[1], 1))
        complain(layer " must not include " target[1])
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    split($0, piece, /[<>]/)
    if (forbidden(piece[2], 0) && !(layer == "http" && file == "gateway.c"))
        complain(layer " must not include <" piece[2] ">")
    else if (piece[2] ~ /^fcgi/ && !(layer == "http" && file == "gateway.c"))
        complain("only http/gateway.c may include <" piece[2] ">")
}

/"[ \t(]*(SELECT |INSERT (INTO|IGNORE)|UPDATE [a-z_]+ |DELETE FROM|REPLACE INTO|CREATE (TABLE|INDEX)|ALTER TABLE|DROP TABLE)/ {
    if (layer != "model" && layer != "db") complain("SQL text belongs in model/")
}

$0 ~ engine_words {
    if (!(layer == "engine" && file ~ /^docker/)) complain("the engine's API belongs in engine/docker")
}

function forbidden(what, is_layer,    count, i, words) {
    count = split(never[layer], words, " ")
    for (i = 1; i <= count; i++) {
        if (is_layer && words[i] == what) return 1
        if (!is_layer && !(words[i] in rank) && index(what, words[i])) return 1
    }
    return 0
}

function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

END { exit bad }
