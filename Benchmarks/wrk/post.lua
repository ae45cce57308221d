-- Posts a body of SIZE bytes; the request is formatted once. Usage: wrk … -s post.lua URL -- SIZE
function init(arguments)
    wrk.method = "POST"
    wrk.body = string.rep("x", tonumber(arguments[1]))
    wrk.headers["Content-Type"] = "text/plain"
    posted = wrk.format()
end

function request()
    return posted
end
