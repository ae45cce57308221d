// MartletHTTP1
