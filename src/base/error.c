/* base/error.c - the names and sentences of error codes, and the version. */
#include "base/base.h"

static const struct {
  const char *name, *sentence;
} errors[] = {
    {"OURO_OK", "no error"},
    {"OURO_ENOMEM", "the system, or the limit, gives no more memory"},
    {"OURO_EINVAL", "an argument is outside what the function accepts"},
    {"OURO_EBUSY", "too late or too early for this call"},
    {"OURO_ESYSTEM", "a system call failed; errno says why"},
    {"OURO_ESTOP", "the visitor asked to stop"},
    {"OURO_EPERM", "this is a second thread, and OURO_CONF=threads:1 promised that there is none"},
    {"OURO_ETYPE", "the object is of the wrong type, or has no such operation"},
    {"OURO_EHASH", "the object cannot be hashed"},
    {"OURO_EKEY", "there is no such key, or attribute"},
    {"OURO_EINDEX", "the index is outside the sequence"},
    {"OURO_ERANGE", "the number does not fit, or a division by zero"},
    {"OURO_EUTF8", "the text is not UTF-8"},
    {"OURO_ECHANGED", "the container was changed meanwhile"},
    {"OURO_EDEEP", "the values are nested too deep"},
    {"OURO_ERAISED", "an error object was raised"},
    {"OURO_ESYNTAX", "the text is not well-formed"},
};

static int index_of(int code) {
  int count = (int)(sizeof errors / sizeof *errors);
  return code <= 0 && code > -count ? -code : -1;
}

const char *ouro_strerror(int code) { return index_of(code) < 0 ? "unknown error" : errors[index_of(code)].sentence; }

const char *ouro_err_name(int code) { return index_of(code) < 0 ? "unknown" : errors[index_of(code)].name; }

const char *ouro_version(void) { return OURO_VERSION; }
