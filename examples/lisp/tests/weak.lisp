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

; The procedure runs between two steps of the program. It must not know the thing, or the thing would never go: so it is made where only
; the name is seen.
(define log '())
(define (noting name) (lambda () (set! log (cons name log))))
(define a (list 'a))
(when-gone a (noting 'a))
(define b (vector 'b #f))
(when-gone b (noting 'b))
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

; A guardian: what has gone is asked for, when the program has time.
(define (make-guardian)
  (define gone '())
  (define (noting name) (lambda () (set! gone (cons name gone))))
  (lambda arguments
    (cond ((pair? arguments) (when-gone (car arguments) (noting (cadr arguments))))
          ((null? gone) #f)
          (else (let ((name (car gone))) (set! gone (cdr gone)) name)))))
(define guardian (make-guardian))
(define (use name) (guardian (list name) name) name)
(use 'first)
(use 'second)
(define third (list 3))
(guardian third 'third)
(display (list (guardian) (guardian) (guardian))) (newline)
(set! third #f)
(display (guardian)) (newline)

; A name is the same symbol for as long as anybody has it, and is forgotten then.
(define count (symbol-count))
(define kept (string->symbol "a-name-to-keep"))
(define (make n) (when (> n 0) (string->symbol (string-append "name-" (number->string n))) (make (- n 1))))
(make 1000)
(display (eq? kept (string->symbol (string-append "a-name" "-to-keep")))) (newline)
(display (< (- (symbol-count) count) 20)) (newline)

; This one is told at the end of the program.
(define last (list 1))
(when-gone last (lambda () (display "the end") (newline)))
