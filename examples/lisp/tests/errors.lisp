; What is wrong is said in words, and can be caught.
(define (attempt text)
  (display (try (lambda () (eval (read (open-input-string text)))) (lambda (message) message)))
  (newline))
(for-each attempt '(
  "(car 5)" "(vector-ref (vector 1 2) 2)" "(vector-ref (vector) 0)" "(make-vector -1)" "nobody" "(set! nobody 1)" "(5 6)"
  "((lambda (x) x))" "((lambda (x) x) 1 2)" "(define (f a b) a) " "(f 1)" "(cons 1)" "(if)" "(let ((x)) x)" "(let loop)"
  "(lambda (x 5) x)" "(define if 5)" "(else 1)" "(cond 5)" "(+ 1 'a)" "(quotient 1 0)" "()" "(1 . 2)" "(car . 5)"
  "(* 4611686018427387904 2)" "4611686018427387904" "(- -4611686018427387904 1)" "(length '(1 . 2))" "(substring \"abc\" 2 1)"
  "(string-append \"a\" 1)" "(open-input-file \"/nowhere/at/all\")" "(weak 5)" "(apply car 5)" "(" ")" "(1 . )" "( . 1)" "(1 . 2 3)"
  "\"open" "'" "(error \"what I say:\" 'and (list 1 \"two\"))" "(letrec ((a b) (b 1)) a)" "(call/cc 5)"))

; What it passes by on the way out is left.
(define steps '())
(define (note step) (set! steps (cons step steps)))
(try (lambda () (note 1) (try (lambda () (note 2) (car 1)) (lambda (message) (note 3) (cdr 1))) (note 'never))
     (lambda (message) (note message)))
(display (reverse steps)) (newline)
(display (+ 1 (try (lambda () (* 2 (error "lost"))) (lambda (message) 41)))) (newline)
