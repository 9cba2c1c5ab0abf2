// Tells of a document: how many pages, how large each is, and whether words may be taken out.
// Arguments: the document, and the most pages whose size matters.
var path = scriptArgs[0], most = +scriptArgs[1]
var file = typeof Document.openDocument == "function" ? Document.openDocument(path) : new Document(path)
if (file.needsPassword()) {
  throw new Error("needs a password")
}
var count = file.countPages(), sizes = []
for (var n = 0; n < count && n < most; ++n) {
  var page = file.loadPage(n)
  sizes.push(page.getBounds ? page.getBounds() : page.bound())
}
print(JSON.stringify({ pages: count, sizes: sizes, copy: !!file.hasPermission("copy") }))
