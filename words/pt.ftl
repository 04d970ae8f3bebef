### Portuguese, as understood in Portugal, in Brazil and in Africa.
### Name: Português
### Locales: pt
### Countries: PT, BR, AO, MZ, CV, GW, ST, TL
### Speech: pt-BR
### Voice: Polly.Camila-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = A sua conta foi criada. Para confirmar, responda { $word }

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Houve um pedido para mudar a sua senha. Se o pedido foi seu, responda { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = SIM

# SMS: the reply was another word.
wrong-reply = Tente de novo. Responda { $word } ou ignore esta mensagem

# SMS: the account is verified.
confirmed = Obrigado. A sua conta foi confirmada.

# SMS: the confirmation was sent, but its result is not known.
submitted = Obrigado. Agora pode entrar na sua conta.

# SMS: the confirmation failed for the moment.
retry-reply = Houve um problema do nosso lado. Responda { $word } de novo dentro de alguns minutos.

# SMS: the person replied too late, or the link was used before.
expired-reply = Este pedido expirou. Comece de novo, por favor.

# SMS: the link that lets the person choose a new password.
password-link = Abra este link para escolher a sua senha: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Tem diversos pedidos pendentes.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Responda { $word } { $code } para confirmar a conta ({ $age })

# SMS: a line of the list, as above.
several-password = Responda { $word } { $code } para mudar a senha ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = agora mesmo

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] há { $minutes } minuto
   *[other] há { $minutes } minutos
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] há { $hours } hora
   *[other] há { $hours } horas
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = O seu código é { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = O seu código para confirmar a conta é { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = O seu código para redefinir a senha é { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = O seu código para confirmar o telefone é { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = O seu código de acesso é { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = A sua senha provisória é { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = O seu código é: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Aguarde, por favor. Vamos transferir a sua chamada para { $name }.

# As above. The employee's name is not known.
connecting-without-name = Aguarde, por favor. Vamos transferir a sua chamada.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = a pessoa com quem deseja falar

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Lamentamos, não é possível ligar para este número. Até logo.

# Spoken: too many calls to this number at the moment.
number-busy = Lamentamos, este número está ocupado. Tente de novo mais tarde. Até logo.

# Spoken in any call: a failure is ours.
apology = Lamentamos, houve um problema do nosso lado. Ligue de novo dentro de alguns minutos. Até logo.

# Spoken before the tone. The caller may then leave a message.
leave-message = Neste momento não podemos atender a sua chamada. Deixe uma mensagem depois do sinal e, para terminar, pressione a tecla cardinal, ou jogo da velha.

# Spoken at the end of any call.
goodbye = Até logo.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Mensagem de voz de { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Mensagem de voz de chamada com identidade oculta ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Chamada perdida de { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Chamada perdida de um número oculto

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = De: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Falha no envio: falta indicar para quem. Comece o SMS com um telefone, por exemplo: { $example }: Bom dia

# SMS to the employee: texts to this number are not allowed.
not-allowed = Falha no envio: SMS para este número não são permitidos.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Falha no envio: o limite de SMS do seu telefone da empresa foi ultrapassado. Tente de novo { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = O telefone da empresa recebeu mais SMS do que o limite de reenvio. O reenvio continua { $again }. Os outros SMS ficam no log da Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] em cerca de { $minutes } minuto
   *[other] em cerca de { $minutes } minutos
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] em cerca de { $hours } hora
   *[other] em cerca de { $hours } horas
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = quando o limite for aumentado

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Boas-vindas.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Para português, pressione { $digit }.

# Spoken.
ask-account = Por favor, digite o número da sua conta, seguido da tecla cardinal, ou jogo da velha.

# Spoken if the caller may also speak the account number.
ask-account-speech = Por favor, diga o número da sua conta, ou digite o número, seguido da tecla cardinal, ou jogo da velha.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Por favor, digite o seu PIN de { $digits } dígito.
   *[other] Por favor, digite o seu PIN de { $digits } dígitos.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Lamentamos, não foi possível aceitar este número de conta e este PIN.

# Spoken: the keys make no sense.
not-understood = Não foi possível entender.

# Spoken after the right PIN.
welcome-account = Boas-vindas.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Boas-vindas, { $greeting }.

# Spoken: an entry of the menu.
press-for = Para { $label }, pressione { $digit }.

# An entry of the menu, inside press-for.
label-balance = consultar o saldo

# An entry of the menu, inside press-for.
label-payments = consultar os pagamentos

# An entry of the menu, inside press-for.
label-exit = sair

# Spoken. $amount is a number, $currency a code such as EUR.
balance = O seu saldo é de { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = O seu último pagamento foi de { $amount } { $currency } em { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Não há informações sobre isto.

# Spoken: the system with the accounts does not answer.
not-now = Lamentamos, isto não está disponível neste momento.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = zero um/uma dois/duas três quatro cinco seis/meia sete oito nove
