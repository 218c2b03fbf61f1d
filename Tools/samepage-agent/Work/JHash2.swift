/// Bob Jenkins' `lookup3`; the code is that of the checksum plug-in, by a link to its file.
struct JHash2 {}
