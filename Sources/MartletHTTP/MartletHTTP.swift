// MartletHTTP
