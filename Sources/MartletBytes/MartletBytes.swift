// MartletBytes
