-- Sends DEPTH requests at once on a connection. Usage: wrk … -s pipeline.lua URL -- DEPTH
function init(arguments)
    local batch = {}
    for index = 1, tonumber(arguments[1]) do
        batch[index] = wrk.format()
    end
    requests = table.concat(batch)
end

function request()
    return requests
end
