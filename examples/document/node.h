/* examples/document/node.h - a document in memory: elements and texts that know their parent.
 *
 *     document --root--> element --first--> node --next--> node --next--> NULL
 *                           ^------parent----'   <---parent--'
 *
 * Every arrow is an OWNED reference, the parent's too: whoever holds any node may walk up from it, and what he walks over
 * is there. So a parent and its child hold each other. Counts alone would never free them; the collector does.
 *
 * OURO_OWNED(T) is T *; it says to the reader, and to the compiler under -DOURO_CHECK_OWNERSHIP, who owns what. A plain
 * pointer is borrowed. ouro_borrow(x) looks at what the owned x holds.
 *
 * What returns OURO_OWNED(T) gives NULL where there is no memory; what returns int gives 0 or OURO_ENOMEM. */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>
#include <stddef.h>

#include <ouro/ouro.h>

/* Text that never changes. Names are shared: see document_name. */
typedef struct string {
  ouro_var head; /* head.count: bytes in `bytes`, the 0 at its end included */
  char bytes[];
} string;

typedef struct attribute {
  ouro_object base;
  OURO_OWNED(string) name;
  OURO_OWNED(string) value;
  OURO_OWNED(struct attribute) next;
} attribute;

/* What stands in the tree: an element or a text. Both begin with a node, and their types derive from node_type. */
typedef struct node {
  ouro_object base;
  OURO_OWNED(struct element) parent; /* NULL: the root, or detached */
  OURO_OWNED(struct node) next;
} node;

typedef struct element {
  node base;
  OURO_OWNED(string) name;
  OURO_OWNED(attribute) attributes;
  OURO_OWNED(node) first;
  node *last; /* borrowed: what begins at `first` owns it */
} element;

typedef struct text {
  node base;
  OURO_OWNED(string) content;
} text;

typedef struct document {
  ouro_object base;
  OURO_OWNED(element) root;
  OURO_OWNED(ouro_weak_values) names; /* strings that are in use as names: the same name is one string */
  OURO_OWNED(ouro_weak_values) ids;   /* elements by the value of their attribute "id", a cache: see document_find */
} document;

extern ouro_type string_type, attribute_type, node_type, element_type, text_type, document_type;

OURO_OWNED(document) document_new(void);
OURO_OWNED(string) string_new(const char *bytes, size_t length);

/* The one string for a name. It is gone, and so is its entry, when nothing has the name any more. */
OURO_OWNED(string) document_name(document *doc, const char *bytes, size_t length);

OURO_OWNED(element) element_new(document *doc, const char *name, size_t length);
OURO_OWNED(text) text_new(const char *bytes, size_t length);

/* The same object, borrowed; NULL for NULL, and where `n` is no element. */
element *as_element(node *n);
node *as_node(element *e);

/* NULL for the root, and for what is detached. */
node *node_parent(const node *n);

/* Set an attribute, replacing what it was. */
int element_set(document *doc, element *e, const char *name, size_t name_length, const char *value,
                size_t value_length);

/* The value of an attribute, borrowed, or NULL. */
string *element_get(const element *e, const char *name);

/* Put `child`, which is detached, behind the last child of `parent`. It cannot fail. */
void node_append(element *parent, node *child);

/* Take a node, with all below it, out of its parent. Gone at once where nobody else refers to it and it has no children;
 * with the next collection where it has, since they refer to it. */
void node_detach(node *n);

/* Is `n` the node `top`, or below it? */
bool node_is_within(const node *n, const node *top);

/* The element with this id that stands in the document; NULL where there is none. */
OURO_OWNED(element) document_find(document *doc, const char *id);

/* The node that follows `n` in the order of the document, in the tree below `top`; NULL behind the last. */
node *node_following(node *n, const node *top);

/* Read a document. NULL: `error` says what is wrong, and in which line. */
typedef struct parse_error {
  int line;
  const char *text;
} parse_error;
OURO_OWNED(document) document_parse(const char *source, size_t length, parse_error *error);

#endif
