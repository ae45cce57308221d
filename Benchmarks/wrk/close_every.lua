-- Asks for the end of the connection with every COUNT-th request; wrk then opens a new one.
-- wrk knows no connection in a script, so the count runs over all of them: a connection lives for COUNT
-- requests on average, not exactly. Usage: wrk … -s close_every.lua URL -- COUNT
local sent = 0

function init(arguments)
    count = tonumber(arguments[1])
    staying = wrk.format()
    closing = wrk.format(nil, nil, { ["Connection"] = "close" })
end

function request()
    sent = sent + 1
    if sent % count == 0 then
        return closing
    end
    return staying
end
