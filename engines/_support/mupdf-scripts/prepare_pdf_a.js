// Writes a document so that Ghostscript keeps what PDF/A allows: links that print, a title it can read.
// Arguments: the document, and where to write it.
var file = typeof Document.openDocument == "function" ? Document.openDocument(scriptArgs[0]) : new Document(scriptArgs[0])
var UNSEEN = 1 | 2 | 32, PRINTED = 4

function printLinks(annotations) {
  for (var n = 0; n < annotations.length; ++n) {
    var one = annotations.get(n), kind = one && one.isDictionary() && one.get("Subtype")
    if (!kind || kind.asName() != "Link") continue
    var flags = one.get("F")
    flags = flags && flags.isNumber() ? flags.asNumber() : 0
    if (!(flags & UNSEEN)) one.put("F", flags | PRINTED)
  }
}

for (var page = 0; page < file.countPages(); ++page) {
  var annotations = file.findPage(page).get("Annots")
  if (annotations && annotations.isArray()) printLinks(annotations)
}
var info = file.getTrailer().get("Info")
if (info && info.isDictionary()) {
  ;["Title", "Author", "Subject", "Keywords", "Creator", "Producer"].forEach(function (name) {
    var text = info.get(name)
    if (text && text.isString()) info.put(name, file.newString(text.asString()))
  })
}
file.save(scriptArgs[1], "")
