; To see a value without keeping it, and to hear when it goes.
(define thing (list 1 2 3))
(define seen (weak thing))
(display (weak-value seen)) (newline)
(set! thing #f)
(display (weak-value seen)) (newline)

; A value that is part of a cycle goes with the collection.
(define ring (list 'ring))
(set-cdr! ring ring)
(define seen (weak ring))
(set! ring #f)
(display (eq? #f (weak-value seen)))
(gc)
(display (eq? #f (weak-value seen))) (newline)

; The procedure runs between two steps of the program.
(define log '())
(define (watch thing name) (when-gone thing (lambda () (set! log (cons name log)))) thing)
(define a (watch (list 'a) 'a))
(define b (watch (vector 'b #f) 'b))
(vector-set! b 1 b)
(set! a #f)
(display log)
(set! b #f)
(gc)
(display log) (newline)

; A procedure that fails does not disturb what it interrupts. (What it says goes to the errors.)
(when-gone (list 1) (lambda () (car 'no)))
(display (+ 1 2)) (newline)

; It may make anything, also what is watched in turn.
(define generations 0)
(define (again) (set! generations (+ generations 1)) (when (< generations 5) (when-gone (list 1) again)))
(again)
(display generations) (newline)

; A guardian: what has gone is asked for.
(define (make-guardian)
  (let ((gone '()))
    (lambda message
      (if (null? message)
          (if (null? gone) #f (let ((name (car gone))) (set! gone (cdr gone)) name))
          (when-gone (car message) (lambda () (set! gone (cons (cadr message) gone))))))))
(define guardian (make-guardian))
(define (use name) (guardian (list name) name) name)
(use 'first)
(use 'second)
(display (list (guardian) (guardian) (guardian))) (newline)

; A name is the same symbol for as long as anybody has it, and is forgotten then.
(define count (symbol-count))
(define kept (string->symbol "a-name-to-keep"))
(define (make n) (when (> n 0) (string->symbol (string-append "name-" (number->string n))) (make (- n 1))))
(make 1000)
(display (eq? kept (string->symbol (string-append "a-name" "-to-keep")))) (newline)
(display (- (symbol-count) count)) (newline)

; This one is told at the end of the program.
(define last (list 1))
(when-gone last (lambda () (display "the end") (newline)))
